"""Columns beyond the matrix, computed where an agent names them among its inputs."""

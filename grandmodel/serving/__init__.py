"""From a trained team to answers: decisions that explain themselves and fail closed."""

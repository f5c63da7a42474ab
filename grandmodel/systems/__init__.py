"""Pure networks: policies (trunk and head), critics, pool weights and teams."""

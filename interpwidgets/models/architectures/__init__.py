"""Where the sites are in each architecture: one short table a model type, a file a family."""

"""The engine as built from package registries: the CLI's tool module, and the language host it talks to."""

"""The commands of `aexctl`, one file for those that belong together. None knows which cloud it works on."""

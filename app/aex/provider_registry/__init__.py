"""The provider registry: who offers agents, what they can do, what work they want to hear of, whose key a key is."""

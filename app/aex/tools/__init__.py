"""Commands over the data of a whole exchange: moving it, checking it, giving its services their database users."""

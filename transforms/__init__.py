"""Pure functions from native-rate recordings to frames and tables: no disk, no network, no clock."""

"""The projection of the ledger into InfluxDB: what people see in panels, computed from the ledger alone."""

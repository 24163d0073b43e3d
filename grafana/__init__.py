"""Dashboards and alerts as typed Python, and a Grafana that is kept in step with them."""

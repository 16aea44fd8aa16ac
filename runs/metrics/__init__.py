"""What a run's time and money became: KPIs, prices, where the time went. No I/O, no clock."""

"""Thin edges: read the request, call a service or a query, render. Methods are restricted."""

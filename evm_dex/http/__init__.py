"""Rules and connections that all HTTP ports share."""

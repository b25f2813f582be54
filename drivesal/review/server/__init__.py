"""The review's HTTP server: endpoints, access control, the page's files."""

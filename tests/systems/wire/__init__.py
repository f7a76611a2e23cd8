"""A proxy that breaks what goes over the wire, in front of a real system."""

"""Work that goes on beside the requests: how it is started, stopped and reported when it fails."""

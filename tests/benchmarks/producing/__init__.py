"""What the producer's benchmark needs: the events, an endpoint that keeps nothing, a peer."""

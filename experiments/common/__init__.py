"""What more than one experiment uses; nothing here knows an experiment."""

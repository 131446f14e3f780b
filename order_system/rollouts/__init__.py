"""Rolling out a new build of the workers: may it go on with what is open (`gate`), and taking to it what
waits on an older one (`moving`). Which share of new orders it gets is Temporal's own business."""

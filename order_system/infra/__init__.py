"""What each of our processes needs: settings, log, database, Temporal server, and other processes. This
package knows the domain's names and errors, but no orders and no batches."""

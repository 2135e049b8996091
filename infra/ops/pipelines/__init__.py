"""What the workflows in `.github/workflows` run: one module a job, each callable by hand with the same arguments."""

"""What one does with a project's folder."""

"""Language models through a provider's Batch API: jobs that take hours and cost less."""

"""Jobs 2.2, `/api/2.2/jobs/…`, over the bundle's jobs and those that clients make: `w.jobs`."""

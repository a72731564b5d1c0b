-- One line of JSON at the end of a run of wrk.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'REPORT {"requests": %d, "duration_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(99.0), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end

#include "satellite/launcher/protocol.h"

#include "satellite/shim/fields.h"
#include "shared/base/status.h"

namespace perigee::satellite {

Record EncodeObserved(const Observed& observed) {
  State state;
  state.id = observed.id;
  state.entry_sha256 = observed.entry_sha256;
  state.child.pid = observed.pid;
  state.phase = observed.phase;
  state.exit = observed.exit;
  state.started_at = observed.started_at;
  state.exited_at = observed.exited_at;
  state.oom = observed.oom;
  state.lease_expired = observed.lease_expired;
  state.log_dropped = observed.log_dropped;
  Record record = EncodeState(state);
  record["run"] = observed.run;
  PutList(record, "missing", observed.missing);
  if (observed.memory_bytes) PutNumber(record, "usage_memory_bytes", *observed.memory_bytes);
  if (observed.cpu_usec) PutNumber(record, "usage_cpu_usec", *observed.cpu_usec);
  return record;
}

absl::StatusOr<Observed> DecodeObserved(const Record& record) {
  PERIGEE_ASSIGN_OR_RETURN(State state, DecodeState(record));
  Observed observed;
  observed.id = std::move(state.id);
  observed.entry_sha256 = std::move(state.entry_sha256);
  observed.pid = state.child.pid;
  observed.run = TextField(record, "run");
  observed.phase = state.phase;
  observed.exit = std::move(state.exit);
  observed.started_at = state.started_at;
  observed.exited_at = state.exited_at;
  observed.oom = state.oom;
  observed.lease_expired = state.lease_expired;
  observed.log_dropped = state.log_dropped;
  PERIGEE_ASSIGN_OR_RETURN(observed.missing, ListField(record, "missing"));
  if (record.contains("usage_memory_bytes")) {
    PERIGEE_ASSIGN_OR_RETURN(observed.memory_bytes, NumberField(record, "usage_memory_bytes", 0));
  }
  if (record.contains("usage_cpu_usec")) {
    PERIGEE_ASSIGN_OR_RETURN(observed.cpu_usec, NumberField(record, "usage_cpu_usec", 0));
  }
  return observed;
}

}  // namespace perigee::satellite

// The audit log as a hash chain: each record holds the hash of the one before it
// and its own, so that a changed, removed, moved or inserted record is found, and
// the head (kept beside the log) shows a cut end. Pure; thread-safe.
//
//   v1::AuditRecord record = Next(head, {.at = now, .subject = "user:anna", .verb = "apply", ...});
//   // one transaction: the change, the record, the new head
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/perigee/v1/governance.pb.h"

namespace perigee::control::audit {

struct Action {
  absl::Time at;
  std::string subject;
  std::string verb;    // "apply", "delete", "revoke", ...
  std::string source;  // "grpc", "https", "controller"
  v1::ObjectReference object;
  std::string object_hash;  // SHA-256 of the canonical spec after the change, hex; empty when deleted
  std::vector<std::string> changed_fields;
};

// The record after `head`; a default-constructed head begins the chain (sequence 1).
v1::AuditRecord Next(const v1::AuditRecord& head, const Action& action);

// Hex SHA-256 over every field but `hash` and `metadata`, each with its length (format "perigee-audit-v1").
std::string HashOf(const v1::AuditRecord& record);

// Checks records one after the other, so that a log need not be in memory as a whole.
class Verifier {
 public:
  // DATA_LOSS says what is wrong at which sequence.
  [[nodiscard]] absl::Status Add(const v1::AuditRecord& record);
  // After the last one: the log ends where `head` says.
  [[nodiscard]] absl::Status Finish(const v1::AuditRecord& head) const;

 private:
  v1::AuditRecord last_;
};

[[nodiscard]] absl::Status Verify(const std::vector<v1::AuditRecord>& records, const v1::AuditRecord& head);

}  // namespace perigee::control::audit

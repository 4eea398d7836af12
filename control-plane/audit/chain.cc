#include "control-plane/audit/chain.h"

#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "shared/base/sha256.h"
#include "shared/base/string_views.h"

namespace perigee::control::audit {
namespace {

constexpr std::string_view kFormat = "perigee-audit-v1";

// Every field with its length before it, so that no two records have the same text.
class Text {
 public:
  Text() : bytes_(kFormat) { bytes_.push_back('\0'); }
  void Number(uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes_.push_back(static_cast<char>(value >> shift));
  }
  void Field(std::string_view value) {
    Number(value.size());
    bytes_.append(value);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

absl::Status Broken(uint64_t sequence, std::string_view what) {
  return absl::DataLossError(
      absl::StrCat("audit record ", sequence, ": ", ToAbsl(what),
                   "; somebody changed the log outside Perigee. Compare it with a backup"));
}

}  // namespace

std::string HashOf(const v1::AuditRecord& record) {
  Text text;
  text.Number(record.sequence());
  text.Number(static_cast<uint64_t>(record.at().seconds()));
  text.Number(static_cast<uint64_t>(static_cast<int64_t>(record.at().nanos())));
  text.Field(record.subject());
  text.Field(record.verb());
  text.Field(record.source());
  text.Field(record.object().kind());
  text.Field(record.object().project());
  text.Field(record.object().name());
  text.Field(record.object().uid());
  text.Field(record.object_hash());
  text.Field(record.previous_hash());
  text.Number(static_cast<uint64_t>(record.changed_fields_size()));
  for (const std::string& field : record.changed_fields()) text.Field(field);
  return Sha256Hex(text.bytes());
}

v1::AuditRecord Next(const v1::AuditRecord& head, const Action& action) {
  v1::AuditRecord record;
  record.set_sequence(head.sequence() + 1);
  const int64_t nanos = absl::ToUnixNanos(action.at);
  record.mutable_at()->set_seconds(absl::ToUnixSeconds(action.at));
  record.mutable_at()->set_nanos(static_cast<int32_t>(nanos - record.at().seconds() * 1'000'000'000));
  record.set_subject(action.subject);
  record.set_verb(action.verb);
  record.set_source(action.source);
  *record.mutable_object() = action.object;
  record.set_object_hash(action.object_hash);
  record.set_previous_hash(head.hash());
  for (const std::string& field : action.changed_fields) record.add_changed_fields(field);
  record.set_hash(HashOf(record));
  return record;
}

absl::Status Verifier::Add(const v1::AuditRecord& record) {
  const uint64_t expected = last_.sequence() + 1;
  if (record.sequence() != expected) {
    return Broken(expected, absl::StrCat("missing, ", record.sequence(), " stands in its place"));
  }
  if (record.previous_hash() != last_.hash()) return Broken(expected, "does not follow the record before it");
  if (record.hash() != HashOf(record)) return Broken(expected, "was changed");
  last_ = record;
  return absl::OkStatus();
}

absl::Status Verifier::Finish(const v1::AuditRecord& head) const {
  if (head.sequence() == last_.sequence() && head.hash() == last_.hash() &&
      head.hash() == (head.sequence() == 0 ? "" : HashOf(head))) {
    return absl::OkStatus();
  }
  return Broken(last_.sequence() + 1, absl::StrCat("the log ends here, its head says ", head.sequence()));
}

absl::Status Verify(const std::vector<v1::AuditRecord>& records, const v1::AuditRecord& head) {
  Verifier verifier;
  for (const v1::AuditRecord& record : records) {
    if (absl::Status added = verifier.Add(record); !added.ok()) return added;
  }
  return verifier.Finish(head);
}

}  // namespace perigee::control::audit

#include "control-plane/api/records.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control-plane/api/api.h"
#include "control-plane/store/keys.h"
#include "shared/base/limits.h"
#include "shared/base/random.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

constexpr int kPageWhenUnset = 500;
// Audit records looked at for one answer, however few of them are asked for.
constexpr int kAuditScan = 20'000;

absl::Status BadToken() {
  return absl::InvalidArgumentError("continueToken is not one of this server. List again.");
}

std::string EventToken(const Arrival& arrival) {
  return Base64UrlEncode(
      absl::StrCat(arrival.revision, "/", absl::ToUnixNanos(arrival.stamp), "/", arrival.uid));
}

absl::StatusOr<std::optional<Arrival>> EventPlace(const std::string& token) {
  if (token.empty()) return std::nullopt;
  const absl::StatusOr<std::string> text = Base64UrlDecode(token);
  if (!text.ok()) return BadToken();
  const std::vector<std::string> parts = absl::StrSplit(*text, '/');
  Arrival arrival;
  int64_t nanos = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &arrival.revision) ||
      !absl::SimpleAtoi(parts[1], &nanos)) {
    return BadToken();
  }
  arrival.stamp = absl::FromUnixNanos(nanos);
  arrival.uid = parts[2];
  return arrival;
}

// The sequence before which the next page begins.
absl::StatusOr<uint64_t> AuditPlace(const std::string& token) {
  const absl::StatusOr<std::string> text = Base64UrlDecode(token);
  uint64_t sequence = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &sequence)) return BadToken();
  return sequence;
}

absl::StatusOr<v1::AuditRecord> ReadAudit(const Record& record) {
  v1::AuditRecord audit;
  if (!audit.ParseFromString(record.value))
    return absl::DataLossError(absl::StrCat(record.key, " cannot be read: restore a backup"));
  // Not stored: the chain's hash does not cover it.
  audit.mutable_metadata()->set_name(absl::StrCat(audit.sequence()));
  return audit;
}

// The sequence of the newest record and one more; 1 when there is none.
absl::StatusOr<uint64_t> AuditEnd(Store& store) {
  const absl::StatusOr<Record> head = store.Get(keys::AuditHead());
  if (absl::IsNotFound(head.status())) return 1;
  PERIGEE_RETURN_IF_ERROR(head);
  PERIGEE_ASSIGN_OR_RETURN(const v1::AuditRecord last, ReadAudit(*head));
  return last.sequence() + 1;
}

// The records of [begin, end), oldest first.
absl::StatusOr<std::vector<v1::AuditRecord>> AuditBetween(Store& store, uint64_t begin, uint64_t end) {
  std::vector<v1::AuditRecord> records;
  std::string after = keys::Audit(begin - 1);
  for (bool more = true; more;) {
    PERIGEE_ASSIGN_OR_RETURN(const Page page, store.List(keys::kAuditPrefix, limits::kListPage, after));
    more = page.more;
    for (const Record& record : page.records) {
      PERIGEE_ASSIGN_OR_RETURN(v1::AuditRecord audit, ReadAudit(record));
      if (audit.sequence() >= end) return records;
      records.push_back(std::move(audit));
      after = record.key;
    }
  }
  return records;
}

bool IsAsked(const v1::AuditRecord& record, const v1::ListRequest& request) {
  return IsOfProject(record.object(), request.project()) &&
         (request.field_object_uid().empty() || record.object().uid() == request.field_object_uid());
}

}  // namespace

int PageLimit(const v1::ListRequest& request) {
  return request.limit() == 0 ? kPageWhenUnset : request.limit();
}

bool IsRecord(const KindInfo& kind) {
  return kind.kind == "Event" || kind.kind == "AuditRecord";
}

absl::Status RefuseSelector(const KindInfo& kind, const std::string& selector) {
  if (selector.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("A selector cannot select ", kind.plural, ": they have no labels. Ask without -l",
                   kind.kind == "Event" ? ", or for one object: cloudctl events KIND/NAME." : "."));
}

absl::Status CanWatch(const KindInfo& kind, const std::string& selector) {
  if (kind.kind == "AuditRecord") {
    return absl::UnimplementedError(
        "AuditRecords cannot be watched by this release. List them: cloudctl get auditrecords");
  }
  return IsRecord(kind) ? RefuseSelector(kind, selector) : absl::OkStatus();
}

bool IsOfProject(const v1::ObjectReference& object, const std::string& project) {
  return project.empty() || object.project().empty() || object.project() == project;
}

absl::StatusOr<ObjectPtr> Api::FindEvent(const std::string& name) const {
  PERIGEE_ASSIGN_OR_RETURN(v1::Event event, parts_.observation.FindEvent(name));
  return std::make_shared<v1::Event>(std::move(event));
}

absl::StatusOr<ObjectPtr> Api::FindAuditRecord(const std::string& name) const {
  uint64_t sequence = 0;
  if (!absl::SimpleAtoi(name, &sequence)) return absl::NotFoundError("not a number");
  PERIGEE_ASSIGN_OR_RETURN(const Record record, parts_.store.Get(keys::Audit(sequence)));
  PERIGEE_ASSIGN_OR_RETURN(v1::AuditRecord audit, ReadAudit(record));
  return std::make_shared<v1::AuditRecord>(std::move(audit));
}

// Newest first. Of one object: also those of the replicas that belong to it.
absl::StatusOr<v1::ListResponse> Api::ListEvents(const v1::ListRequest& request) const {
  std::vector<std::string> objects;
  if (const std::string& uid = request.field_object_uid(); !uid.empty()) {
    objects.push_back(uid);
    for (const auto& assignments :
         {parts_.model.AssignmentsOfWorkload(uid), parts_.model.AssignmentsOfSatellite(uid)}) {
      for (const ObjectPtr& assignment : assignments) objects.push_back(MetaOf(*assignment).uid());
    }
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::optional<Arrival> before, EventPlace(request.continue_token()));
  PERIGEE_ASSIGN_OR_RETURN(EventPage page,
                           parts_.observation.EventsBefore(before, objects, PageLimit(request)));
  v1::ListResponse response;
  response.set_revision(parts_.model.revision());
  size_t bytes = 0;
  const Arrival* last = nullptr;
  for (StoredEvent& stored : page.events) {
    if (bytes >= kPageBytes) {
      page.more = *last;
      break;
    }
    last = &stored.arrival;
    if (!IsOfProject(stored.event.object(), request.project())) continue;
    bytes += stored.event.ByteSizeLong();
    *response.add_resources()->mutable_event() = std::move(stored.event);
  }
  if (page.more.has_value()) response.set_continue_token(EventToken(*page.more));
  return response;
}

// Newest first.
absl::StatusOr<v1::ListResponse> Api::ListAuditRecords(const v1::ListRequest& request) const {
  uint64_t end = 0;
  if (request.continue_token().empty()) {
    PERIGEE_ASSIGN_OR_RETURN(end, AuditEnd(parts_.store));
  } else {
    PERIGEE_ASSIGN_OR_RETURN(end, AuditPlace(request.continue_token()));
  }
  v1::ListResponse response;
  response.set_revision(parts_.model.revision());
  size_t bytes = 0;
  const auto full = [&] { return response.resources_size() == PageLimit(request) || bytes >= kPageBytes; };
  for (int looked_at = 0; end > 1 && looked_at < kAuditScan && !full();) {
    const uint64_t begin = end - std::min<uint64_t>(end - 1, limits::kListPage);
    PERIGEE_ASSIGN_OR_RETURN(std::vector<v1::AuditRecord> records, AuditBetween(parts_.store, begin, end));
    for (; !records.empty() && !full(); records.pop_back()) {
      v1::AuditRecord& record = records.back();
      end = record.sequence();
      if (!IsAsked(record, request)) continue;
      bytes += record.ByteSizeLong();
      *response.add_resources()->mutable_audit_record() = std::move(record);
    }
    if (records.empty()) end = begin;
    looked_at += limits::kListPage;
  }
  if (end > 1) response.set_continue_token(Base64UrlEncode(absl::StrCat(end)));
  return response;
}

}  // namespace perigee::control

#include "control-plane/admission/change_set.h"

#include <utility>

#include "control-plane/store/keys.h"
#include "control-plane/watch/codec.h"
#include "shared/base/limits.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/resource/defaults.h"
#include "shared/resource/diff.h"
#include "shared/resource/registry.h"
#include "shared/resource/text.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;

std::string KeyOf(const Message& object) {
  return keys::Intent(KindOf(object).kind, MetaOf(object).project(), MetaOf(object).name());
}

std::string SpecBytes(const Message& object) {
  const Message* spec = SpecOf(object);
  return spec == nullptr ? std::string() : CanonicalBytes(*spec);
}

std::string OperationsBytes(const Message& object) {
  const auto* field = object.GetDescriptor()->FindFieldByName("operations");
  return field == nullptr ? std::string() : CanonicalBytes(object.GetReflection()->GetMessage(object, field));
}

}  // namespace

std::unique_ptr<Message> CopyOf(const Message& object) {
  std::unique_ptr<Message> copy(object.New());
  copy->CopyFrom(object);
  return copy;
}

std::unique_ptr<Message> WithDefaults(const Message& object) {
  std::unique_ptr<Message> copy = CopyOf(object);
  ApplyDefaults(*copy);
  return copy;
}

bool SpecDiffers(const Message& before, const Message& after) {
  return SpecBytes(*WithDefaults(before)) != SpecBytes(*WithDefaults(after));
}

std::vector<std::string> ChangedFields(const Message& before, const Message& after) {
  std::vector<std::string> fields;
  for (const v1::FieldChange& change : DiffSpecs(before, after)) {
    if (fields.size() == limits::kErrorsReported) break;
    fields.push_back(change.field());
  }
  if (OperationsBytes(before) != OperationsBytes(after)) fields.push_back("operations");
  if (MetaOf(before).has_deleting_since() != MetaOf(after).has_deleting_since()) {
    fields.push_back("metadata.deletingSince");
  }
  return fields;
}

void ChangeSet::Record(std::string_view verb, const Message& object, std::string object_hash,
                       std::vector<std::string> changed_fields) {
  actions_.push_back({.at = now_,
                      .subject = caller_.subject,
                      .verb = std::string(verb),
                      .source = caller_.source,
                      .object = ReferenceTo(object),
                      .object_hash = std::move(object_hash),
                      .changed_fields = std::move(changed_fields)});
}

void ChangeSet::Put(std::string_view verb, const Message* before, const Message& after,
                    std::vector<std::string> changed_fields) {
  transaction_.compares.push_back({KeyOf(after), before == nullptr ? 0 : MetaOf(*before).revision()});
  transaction_.puts.push_back({KeyOf(after), EncodeIntent(after)});
  Record(verb, after, Sha256Hex(SpecBytes(after)), std::move(changed_fields));
}

void ChangeSet::Remove(std::string_view verb, const Message& before) {
  transaction_.compares.push_back({KeyOf(before), MetaOf(before).revision()});
  transaction_.deletes.push_back(KeyOf(before));
  if (StatusOf(before) != nullptr) {
    transaction_.deletes.push_back(keys::Status(KindOf(before).kind, MetaOf(before).uid()));
  }
  Record(verb, before, "", {});
}

void ChangeSet::PutStatus(std::string_view kind, std::string_view uid, std::string value) {
  transaction_.puts.push_back({keys::Status(kind, uid), std::move(value)});
}

Transaction ChangeSet::Finish(const v1::AuditRecord& head, int64_t head_revision) && {
  if (actions_.empty()) return std::move(transaction_);
  v1::AuditRecord last = head;
  for (const audit::Action& action : actions_) {
    last = audit::Next(last, action);
    transaction_.puts.push_back({keys::Audit(last.sequence()), CanonicalBytes(last)});
  }
  transaction_.compares.push_back({keys::AuditHead(), head_revision});
  transaction_.puts.push_back({keys::AuditHead(), CanonicalBytes(last)});
  return std::move(transaction_);
}

}  // namespace perigee::control

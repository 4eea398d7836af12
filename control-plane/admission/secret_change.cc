#include "control-plane/admission/secret_change.h"

#include <algorithm>
#include <set>

#include "control-plane/secrets/secret_content.h"
#include "proto/perigee/v1/options.pb.h"
#include "shared/base/status.h"
#include "shared/resource/field_path.h"

namespace perigee::control {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Data = google::protobuf::Map<std::string, std::string>;

constexpr char kHidden[] = "(secret)";

bool Equal(const Data& a, const Data& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
           const auto found = b.find(entry.first);
           return found != b.end() && found->second == entry.second;
         });
}

std::vector<v1::FieldChange> DiffData(const Data& before, const Data& after) {
  std::set<std::string> keys;
  for (const auto& [key, value] : before) keys.insert(key);
  for (const auto& [key, value] : after) keys.insert(key);
  std::vector<v1::FieldChange> changes;
  for (const std::string& key : keys) {
    const auto old_value = before.find(key);
    const auto new_value = after.find(key);
    const bool both = old_value != before.end() && new_value != after.end();
    if (both && old_value->second == new_value->second) continue;
    v1::FieldChange change;
    change.set_field(KeyPath("spec.data", key));
    change.set_before(old_value == before.end() ? "" : kHidden);
    change.set_after(new_value == after.end() ? "" : both ? "(secret, changed)" : kHidden);
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace

absl::StatusOr<SecretChange> ProtectSecret(const Vault& vault, Random& random, const v1::Secret* before,
                                           v1::Secret& after) {
  v1::SecretContent old_content;
  if (before != nullptr) {
    PERIGEE_ASSIGN_OR_RETURN(old_content, DecryptContent(vault, *before));
  }
  v1::SecretContent content;
  *content.mutable_data() = after.spec().data();
  after.mutable_spec()->clear_data();
  SecretChange result;
  if (before != nullptr && (content.data().empty() || Equal(content.data(), old_content.data()))) {
    after.mutable_spec()->set_version(before->spec().version());
    after.mutable_spec()->set_encrypted(before->spec().encrypted());
    content = old_content;
  } else {
    result.content_changed = true;
    result.changes = DiffData(old_content.data(), content.data());
    after.mutable_spec()->set_version(NewUid(random));
    PERIGEE_RETURN_IF_ERROR(EncryptContent(vault, content, after));
  }
  after.mutable_status()->clear_keys();
  for (const auto& [key, value] : content.data()) after.mutable_status()->add_keys(key);
  std::sort(after.mutable_status()->mutable_keys()->begin(), after.mutable_status()->mutable_keys()->end());
  return result;
}

void HideSecrets(Message& message) {
  const google::protobuf::Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->options().GetExtension(v1::secret)) {
      reflection->ClearField(&message, field);
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        HideSecrets(*reflection->MutableRepeatedMessage(&message, field, i));
      }
    } else {
      HideSecrets(*reflection->MutableMessage(&message, field));
    }
  }
}

}  // namespace perigee::control

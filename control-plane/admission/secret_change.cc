#include "control-plane/admission/secret_change.h"

#include <algorithm>
#include <set>

#include "control-plane/secrets/secret_content.h"
#include "shared/base/status.h"
#include "shared/resource/field_path.h"

namespace perigee::control {
namespace {

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

}  // namespace perigee::control

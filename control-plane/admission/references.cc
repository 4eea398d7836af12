#include "control-plane/admission/references.h"

#include <algorithm>
#include <memory>

#include "shared/base/status.h"
#include "shared/resource/field_path.h"
#include "shared/resource/registry.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;

// EnvVar and FileMount both have from_config and from_secret.
template <typename User>
void Collect(const User& user, const std::string& path, std::vector<KeyUse>& uses) {
  if (user.has_from_config()) {
    uses.push_back(
        {"Config", user.from_config().name(), user.from_config().key(), FieldPath(path, "fromConfig")});
  }
  if (user.has_from_secret()) {
    uses.push_back(
        {"Secret", user.from_secret().name(), user.from_secret().key(), FieldPath(path, "fromSecret")});
  }
}

v1::FieldError Error(const std::string& field, std::string message) {
  v1::FieldError error;
  error.set_field(field);
  error.set_message(std::move(message));
  return error;
}

std::set<std::string> KeysOf(const Message& object) {
  std::set<std::string> keys;
  if (const auto* config = dynamic_cast<const v1::Config*>(&object)) {
    for (const auto& [key, value] : config->spec().data()) keys.insert(key);
  } else if (const auto* secret = dynamic_cast<const v1::Secret*>(&object)) {
    keys.insert(secret->status().keys().begin(), secret->status().keys().end());
    for (const auto& [key, value] : secret->spec().data()) keys.insert(key);
  }
  return keys;
}

std::string Nearest(const std::set<std::string>& keys, const std::string& wanted) {
  constexpr size_t kNear = 2;
  for (const std::string& key : keys) {
    if (EditDistance(key, wanted, kNear) <= kNear) return key;
  }
  return "";
}

}  // namespace

std::vector<KeyUse> KeysUsed(const v1::WorkloadTemplate& workload_template) {
  std::vector<KeyUse> uses;
  for (int t = 0; t < workload_template.tasks_size(); ++t) {
    const v1::WorkloadTask& task = workload_template.tasks(t);
    const std::string path = ElementPath("spec.template.tasks", static_cast<size_t>(t));
    for (int i = 0; i < task.env_size(); ++i) {
      Collect(task.env(i), ElementPath(FieldPath(path, "env"), static_cast<size_t>(i)), uses);
    }
    for (int i = 0; i < task.files_size(); ++i) {
      Collect(task.files(i), ElementPath(FieldPath(path, "files"), static_cast<size_t>(i)), uses);
    }
  }
  return uses;
}

bool Uses(const v1::WorkloadTemplate& workload_template, std::string_view kind, std::string_view name) {
  const std::vector<KeyUse> uses = KeysUsed(workload_template);
  return std::any_of(uses.begin(), uses.end(),
                     [&](const KeyUse& use) { return use.kind == kind && use.name == name; });
}

absl::StatusOr<std::vector<v1::FieldError>> CheckReferences(const Message& object, const Lookup& lookup) {
  std::vector<v1::FieldError> errors;
  const std::string& project = MetaOf(object).project();
  if (KindOf(object).project_scoped) {
    PERIGEE_ASSIGN_OR_RETURN(const auto found, lookup("Project", "", project));
    if (found == nullptr) {
      errors.push_back(Error("metadata.project", absl::StrCat("there is no Project ", project,
                                                              "; apply it first, or together with this")));
    }
  }
  const auto* workload = dynamic_cast<const v1::Workload*>(&object);
  if (workload == nullptr) return errors;
  for (const KeyUse& use : KeysUsed(workload->spec().template_())) {
    if (use.name.empty()) continue;  // the validator says so
    PERIGEE_ASSIGN_OR_RETURN(const auto used, lookup(use.kind, project, use.name));
    if (used == nullptr) {
      errors.push_back(Error(FieldPath(use.field, "name"),
                             absl::StrCat("there is no ", use.kind, " ", use.name, " in project ", project,
                                          "; apply it first, or together with this")));
      continue;
    }
    const std::set<std::string> keys = KeysOf(*used);
    if (keys.contains(use.key)) continue;
    errors.push_back(
        Error(FieldPath(use.field, "key"), absl::StrCat(use.kind, " ", use.name, " has no key ", use.key)));
    errors.back().set_suggestion(Nearest(keys, use.key));
  }
  return errors;
}

}  // namespace perigee::control

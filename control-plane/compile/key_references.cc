#include "control-plane/compile/key_references.h"

namespace perigee::control {
namespace {

void Refer(const v1::KeyReference& reference, KeysByName& keys) {
  keys[reference.name()].insert(reference.key());
}

// EnvVar and FileMount both have from_config and from_secret.
template <typename User>
void Collect(const User& user, KeyReferences& references) {
  if (user.has_from_config()) Refer(user.from_config(), references.configs);
  if (user.has_from_secret()) Refer(user.from_secret(), references.secrets);
}

}  // namespace

KeyReferences ReferencesOf(const v1::WorkloadTemplate& workload_template) {
  KeyReferences references;
  for (const auto& task : workload_template.tasks()) {
    for (const auto& variable : task.env()) Collect(variable, references);
    for (const auto& file : task.files()) Collect(file, references);
  }
  return references;
}

}  // namespace perigee::control

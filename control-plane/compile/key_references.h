// Which keys of which Configs and Secrets a template refers to. Admission has a collector of its own
// (admission/references.h), which also knows in which field each reference stands.
#pragma once

#include <map>
#include <set>
#include <string>

#include "proto/perigee/v1/workload.pb.h"

namespace perigee::control {

using KeysByName = std::map<std::string, std::set<std::string>>;  // of the Config or Secret
struct KeyReferences {
  KeysByName configs, secrets;
};
KeyReferences ReferencesOf(const v1::WorkloadTemplate& workload_template);

}  // namespace perigee::control

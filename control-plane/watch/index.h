// The model's data without threads: applies changes of the store's keys one by
// one and keeps objects findable by name, by uid and by what they refer to. What
// it holds depends on the keys' last values only, not on the way there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace perigee::control {

using ObjectPtr = std::shared_ptr<const google::protobuf::Message>;

struct ObjectChange {
  std::string kind;
  ObjectPtr object;  // after the change; before it when deleted
  bool deleted = false;
};

// Not thread-safe.
class Index {
 public:
  // `value` as in store.h's Change. Nothing when the key is of no kind or the change is not visible.
  // DATA_LOSS when the value is not what its key says.
  [[nodiscard]] absl::StatusOr<std::optional<ObjectChange>> Apply(std::string_view key,
                                                                  const std::optional<std::string>& value,
                                                                  int64_t revision);

  ObjectPtr Get(std::string_view kind, std::string_view project, std::string_view name) const;
  ObjectPtr GetByUid(std::string_view kind, std::string_view uid) const;
  std::vector<ObjectPtr> List(std::string_view kind, std::string_view project) const;

  // What points to the object with this uid, sorted by project and name.
  enum class Relation { kAssignmentOfWorkload, kAssignmentOfSatellite, kSatelliteOfSite };
  std::vector<ObjectPtr> Related(Relation relation, std::string_view uid) const;

 private:
  using Name = std::pair<std::string, std::string>;  // project, name
  struct Kind {
    std::map<Name, ObjectPtr> by_name;
    absl::flat_hash_map<std::string, ObjectPtr> by_uid;
    absl::flat_hash_map<std::string, std::string> status;  // bytes of those without an object
  };
  using StatusOrChange = absl::StatusOr<std::optional<ObjectChange>>;
  StatusOrChange PutIntent(const std::string& kind, const Name& name, const std::string& value,
                           int64_t revision);
  StatusOrChange DeleteIntent(const std::string& kind, const Name& name);
  StatusOrChange ChangeStatus(const std::string& kind, const std::string& uid,
                              const std::optional<std::string>& value);
  void Relate(const google::protobuf::Message& object, bool add);

  std::map<std::string, Kind, std::less<>> kinds_;
  std::map<std::pair<Relation, std::string>, std::set<Name>> related_;
};

}  // namespace perigee::control

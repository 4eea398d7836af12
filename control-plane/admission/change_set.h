// Collects changes of objects into one transaction with their audit records.
// Pure: what is read and when it is committed is the door's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "control-plane/access/caller.h"
#include "control-plane/audit/chain.h"
#include "control-plane/store/store.h"
#include "google/protobuf/message.h"

namespace perigee::control {

class ChangeSet {
 public:
  ChangeSet(const Caller& caller, absl::Time now) : caller_(caller), now_(now) {}

  // `before` (null: created) is what is stored, at metadata.revision; `after` what shall be.
  void Put(std::string_view verb, const google::protobuf::Message* before,
           const google::protobuf::Message& after, std::vector<std::string> changed_fields);
  // With its status.
  void Remove(std::string_view verb, const google::protobuf::Message& before);
  void PutStatus(std::string_view kind, std::string_view uid, std::string value);
  Transaction& transaction() { return transaction_; }

  bool HasObjects() const { return !actions_.empty(); }
  // Appends one record for each change to the chain that ends in `head`, which has `head_revision` in the store.
  Transaction Finish(const v1::AuditRecord& head, int64_t head_revision) &&;

 private:
  void Record(std::string_view verb, const google::protobuf::Message& object, std::string object_hash,
              std::vector<std::string> changed_fields);

  const Caller& caller_;
  const absl::Time now_;
  Transaction transaction_;
  std::vector<audit::Action> actions_;
};

// Names of what differs in labels, annotations, spec, operations and deletingSince, at most
// limits::kErrorsReported of them.
std::vector<std::string> ChangedFields(const google::protobuf::Message& before,
                                       const google::protobuf::Message& after);
// Whether the specs differ with the defaults of this release on both sides.
bool SpecDiffers(const google::protobuf::Message& before, const google::protobuf::Message& after);
std::unique_ptr<google::protobuf::Message> WithDefaults(const google::protobuf::Message& object);
std::unique_ptr<google::protobuf::Message> CopyOf(const google::protobuf::Message& object);

}  // namespace perigee::control

#include "shared/resource/defaults.h"

#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/descriptor.h"
#include "proto/perigee/v1/resource.pb.h"
#include "shared/base/status.h"
#include "shared/resource/schema.h"

namespace perigee {
namespace {

using google::protobuf::Message;

// Numbers; the schema's option is for texts.
struct Row {
  const char* message;
  const char* field;
  const char* value;
};
constexpr Row kNumbers[] = {
    {"perigee.v1.EnrollmentTokenSpec", "uses", "1"},
    {"perigee.v1.Probe", "failure_threshold", "3"},
    {"perigee.v1.Probe", "success_threshold", "1"},
    {"perigee.v1.Placement", "replicas_per_site", "1"},
    {"perigee.v1.RolloutStrategy", "max_unavailable_per_site", "1"},
};

// Parts that are made when they are absent, so that their fields get defaults.
struct Part {
  const char* message;
  const char* field;
};
constexpr Part kParts[] = {
    {"perigee.v1.WorkloadSpec", "placement"}, {"perigee.v1.WorkloadSpec", "rollout"},
    {"perigee.v1.WorkloadTask", "restart"},   {"perigee.v1.Restart", "backoff"},
    {"perigee.v1.WorkloadTask", "stop"},      {"perigee.v1.Placement", "on_disconnect"},
};

class Table {
 public:
  Table() {
    for (const Row& row : kNumbers) Set(row.message, row.field, row.value);
  }
  void Set(std::string_view message, std::string_view field, std::string_view value) {
    absl::MutexLock lock(&mutex_);
    values_[{std::string(message), std::string(field)}] = std::string(value);
  }
  std::string Find(const FieldDescriptor* field) {
    absl::MutexLock lock(&mutex_);
    const auto found = values_.find({field->containing_type()->full_name(), field->name()});
    return found != values_.end() ? found->second : std::string(DefaultOf(field));
  }

 private:
  absl::Mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::string> values_ ABSL_GUARDED_BY(mutex_);
};

Table& TheTable() {
  static auto* table = new Table;
  return *table;
}

bool IsMadeWhenAbsent(const FieldDescriptor* field) {
  for (const Part& part : kParts) {
    if (field->containing_type()->full_name() == part.message && field->name() == part.field) return true;
  }
  return false;
}

void SetScalar(Message& message, const FieldDescriptor* field, const std::string& value) {
  const auto* r = message.GetReflection();
  int64_t number = 0;
  double real = 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return r->SetString(&message, field, value);
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->SetBool(&message, field, value == "true");
    case FieldDescriptor::CPPTYPE_INT32:
      PERIGEE_ASSERT(absl::SimpleAtoi(value, &number));
      return r->SetInt32(&message, field, static_cast<int32_t>(number));
    case FieldDescriptor::CPPTYPE_INT64:
      PERIGEE_ASSERT(absl::SimpleAtoi(value, &number));
      return r->SetInt64(&message, field, number);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      PERIGEE_ASSERT(absl::SimpleAtod(value, &real));
      return r->SetDouble(&message, field, real);
    default:
      PERIGEE_ASSERT(false && "a default for a field of this type");
  }
}

bool IsOfTheSystem(const FieldDescriptor* field) {
  return IsOutputOnly(field) || field->name() == "status" || field->name() == "operations";
}

void ApplyTo(Message& message, const FieldDescriptor* field) {
  const auto* r = message.GetReflection();
  const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (field->is_map() || IsTimestamp(field)) return;
  if (field->is_repeated()) {
    for (int i = 0; is_message && i < r->FieldSize(message, field); ++i) {
      ApplyDefaults(*r->MutableRepeatedMessage(&message, field, i));
    }
  } else if (is_message) {
    if (IsSet(message, field) || IsMadeWhenAbsent(field)) ApplyDefaults(*r->MutableMessage(&message, field));
  } else if (!IsSet(message, field)) {
    const std::string value = TheTable().Find(field);
    if (!value.empty()) SetScalar(message, field, value);
  }
}

}  // namespace

void ApplyDefaults(Message& object) {
  const auto* descriptor = object.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    if (!IsOfTheSystem(descriptor->field(i))) ApplyTo(object, descriptor->field(i));
  }
  // A choice has no default for one side while the other is taken.
  if (descriptor == v1::OnDisconnect::descriptor()) {
    auto& disconnect = static_cast<v1::OnDisconnect&>(object);
    if (disconnect.mode().empty() && disconnect.stop_after().empty()) disconnect.set_mode("keep");
  }
}

void RegisterDefault(std::string_view message_full_name, std::string_view field, std::string_view value) {
  const auto* message = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      std::string(message_full_name));
  PERIGEE_ASSERT(message != nullptr && message->FindFieldByName(std::string(field)) != nullptr);
  TheTable().Set(message_full_name, field, value);
}

}  // namespace perigee

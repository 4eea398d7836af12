#include "control-plane/admission/policy_hook.h"

namespace perigee::control {

Opinion PolicyHook::Judge(const Caller&, std::string_view, const google::protobuf::Message*,
                          const google::protobuf::Message*) {
  return {};
}

}  // namespace perigee::control

#include "control-plane/identity/answers.h"

#include "control-plane/identity/certificate_authority.h"

namespace perigee::control {

v1::EnrollResponse AnswerFor(const IdentityContext& context, const v1::EnrollmentRequest& request) {
  v1::EnrollResponse answer;
  answer.set_request(request.metadata().name());
  answer.set_phase(request.status().phase());
  answer.set_reason(request.status().reason());
  answer.set_fingerprint(request.spec().fingerprint());
  answer.set_site(request.spec().site());
  answer.set_satellite(request.spec().satellite_name());
  if (request.status().phase() != "Approved") return answer;
  answer.set_satellite_uid(request.status().satellite_uid());
  answer.set_certificate_chain(request.status().certificate_chain());
  answer.set_root_certificates(context.authority.root_pem());
  for (const std::string& key : context.authority.delivery_keys()) answer.add_delivery_keys(key);
  answer.set_grpc_endpoint(context.grpc_endpoint());
  return answer;
}

}  // namespace perigee::control

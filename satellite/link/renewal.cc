#include "satellite/link/renewal.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "proto/perigee/v1/satellite.grpc.pb.h"
#include "satellite/link/certificate_request.h"
#include "satellite/link/network.h"
#include "satellite/link/reconnect.h"
#include "shared/base/sha256.h"
#include "shared/base/status.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/verify.h"
#include "shared/resource/reasons.h"
#include "shared/rpc/https_client.h"
#include "shared/rpc/status_conversion.h"
#include "shared/session/moment.h"

namespace perigee::satellite {
namespace {

constexpr absl::Duration kRenewTimeout = absl::Seconds(15);
constexpr absl::Duration kIdlePause = absl::Seconds(5);      // while it is not time: the link may come up
constexpr absl::Duration kLongestPause = absl::Seconds(30);  // between tries that fail
constexpr absl::Duration kLongestQuiet =
    absl::Minutes(10);  // a clock that is wrong must not mean one certificate after another

// A certificate that lives shortly is looked at more often.
absl::Duration PauseFor(const Certificate& leaf, absl::Time now) {
  const absl::Duration left = leaf.NotAfter() - now;
  return left > absl::ZeroDuration() ? std::clamp(left / 6, absl::Seconds(1), kLongestPause) : kLongestPause;
}

std::string AddressOf(const std::string& https_endpoint) {
  return https_endpoint.substr(sizeof("https://") - 1);
}

absl::StatusOr<HttpsClient> ClientFor(const IdentityStore& store, const std::string& endpoint,
                                      absl::Time at) {
  PERIGEE_ASSIGN_OR_RETURN(SatelliteIdentity identity, store.Read());
  return HttpsClient::New({.base_url = endpoint, .roots_pem = identity.root_certificates, .verify_at = at});
}

// The renewed one where there is one: it is not asked for again while it waits for its first session.
absl::StatusOr<Identity> NewestOf(const IdentityStore& store) {
  absl::StatusOr<Identity> proven = LoadIdentity(store.PemPath());
  absl::StatusOr<Identity> next = LoadIdentity(store.NextPemPath());
  return next.ok() && (!proven.ok() || Renews(*next, *proven)) ? std::move(next) : std::move(proven);
}

}  // namespace

Renewer::Renewer(Config config, Hooks hooks, const Clock& clock)
    : config_(std::move(config)),
      hooks_(std::move(hooks)),
      clock_(clock),
      job_({.thread_name = "renew", .interval = config_.interval}, [this] { Body(); }) {}

void Renewer::Body() {
  if (absl::FromChrono(clock_.SinceBoot()) < quiet_until_) return;
  absl::StatusOr<Identity> identity = NewestOf(config_.store);
  if (!identity.ok()) {
    StayQuiet(kLongestPause);
    return hooks_.failed(identity.status());
  }
  const Certificate& leaf = identity->chain.front();
  const absl::Time now = VerificationTime(clock_.Now(), hooks_.time_floor());
  const std::shared_ptr<grpc::Channel> channel = hooks_.live_channel();
  const bool due = channel != nullptr
                       ? RenewalDue(leaf.NotBefore(), leaf.NotAfter(), now)
                       : (now >= leaf.NotAfter() || refused_) && MayReach(AddressOf(config_.https_endpoint));
  if (!due) return StayQuiet(std::min(kIdlePause, PauseFor(leaf, now)));
  if (absl::Status status = Refresh(*identity, channel.get()); !status.ok()) {
    StayQuiet(PauseFor(leaf, now));
    hooks_.failed(Annotate(status, channel != nullptr ? "renewing the certificate" : "recovering"));
  }
}

absl::Status Renewer::Refresh(const Identity& identity, grpc::Channel* channel) {
  PERIGEE_ASSIGN_OR_RETURN(std::string request, MakeRequestDer(identity.key));
  PERIGEE_ASSIGN_OR_RETURN(std::string chain, channel != nullptr ? AskOverLink(request, *channel)
                                                                 : AskOverHttps(request, identity));
  return TakeUp(identity, chain, channel != nullptr ? reason::kCertificateRenewed : reason::kRecovered);
}

absl::StatusOr<std::string> Renewer::AskOverLink(const std::string& request, grpc::Channel& channel) {
  auto stub = v1::SatelliteService::NewStub(std::shared_ptr<grpc::Channel>(&channel, [](grpc::Channel*) {}));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kRenewTimeout));
  v1::RenewRequest ask;
  ask.set_certificate_request(request);
  v1::RenewResponse answer;
  PERIGEE_RETURN_IF_ERROR(FromGrpc(stub->Renew(&context, ask, &answer)));
  return answer.certificate_chain();
}

absl::StatusOr<std::string> Renewer::AskOverHttps(const std::string& request, const Identity& identity) {
  absl::StatusOr<std::string> chain = absl::UnauthenticatedError("not asked yet");
  for (const absl::Time at : VerificationTimes(clock_.Now(), hooks_.time_floor())) {
    chain = AskOverHttps(request, identity, at);
    if (!absl::IsUnauthenticated(chain.status())) break;
  }
  return chain;
}

absl::StatusOr<std::string> Renewer::AskOverHttps(const std::string& request, const Identity& identity,
                                                  absl::Time verify_at) {
  PERIGEE_ASSIGN_OR_RETURN(HttpsClient client, ClientFor(config_.store, config_.https_endpoint, verify_at));
  PERIGEE_ASSIGN_OR_RETURN(HttpsResponse nonce_answer, client.Get("/recover/v1/nonce"));
  v1::RecoverRequest body;
  if (nonce_answer.status != 200 ||
      !google::protobuf::util::JsonStringToMessage(nonce_answer.body, &body).ok() || body.nonce().empty()) {
    return absl::UnavailableError(absl::StrCat("no nonce to recover with: HTTP ", nonce_answer.status));
  }
  std::string signed_bytes = "perigee-recover-v1";
  signed_bytes.push_back('\0');
  absl::StrAppend(&signed_bytes, Sha256(request), body.nonce());
  PERIGEE_ASSIGN_OR_RETURN(std::string signature, identity.key.Sign(signed_bytes));
  body.set_certificate(BundleToPem(identity.chain));
  body.set_certificate_request(request);
  *body.mutable_at() = ToTimestamp(verify_at);
  body.set_signature(signature);
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(body, &json).ok())
    return absl::InternalError("RecoverRequest");
  PERIGEE_ASSIGN_OR_RETURN(HttpsResponse response, client.Post("/recover/v1", json));
  v1::EnrollResponse answer;
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;
  if (response.status != 200 ||
      !google::protobuf::util::JsonStringToMessage(response.body, &answer, lenient).ok()) {
    return absl::PermissionDeniedError(absl::StrCat("the control plane refused: HTTP ", response.status));
  }
  if (answer.phase() != "Approved") {
    return absl::UnavailableError(
        absl::StrCat("the control plane says ", answer.phase(), ": ", answer.reason()));
  }
  return answer.certificate_chain();
}

absl::Status Renewer::TakeUp(Identity identity, const std::string& chain_pem, std::string_view reason) {
  PERIGEE_ASSIGN_OR_RETURN(std::vector<Certificate> chain, Certificate::BundleFromPem(chain_pem));
  // Same key, same name: else the next handshake would fail.
  if (!(chain.front().Key() == identity.key.Public()))
    return absl::DataLossError("the new certificate has another key");
  if (chain.front().Uri().value_or("") != identity.chain.front().Uri().value_or("")) {
    return absl::DataLossError("the new certificate has another name");
  }
  identity.chain = std::move(chain);
  PERIGEE_RETURN_IF_ERROR(config_.store.ProposePem(IdentityToPem(identity)));
  const absl::Time now = VerificationTime(clock_.Now(), hooks_.time_floor());
  const absl::Duration left = identity.chain.front().NotAfter() - now;
  StayQuiet(left > absl::ZeroDuration() ? std::min(left / 3, kLongestQuiet) : kLongestQuiet);
  hooks_.renewed(reason, identity.chain.front().NotAfter());
  return absl::OkStatus();
}

}  // namespace perigee::satellite

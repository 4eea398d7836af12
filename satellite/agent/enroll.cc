#include "satellite/agent/enroll.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "satellite/link/certificate_request.h"
#include "shared/base/status.h"
#include "shared/base/wakeup.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/issue.h"
#include "shared/pki/spiffe.h"
#include "shared/pki/verify.h"
#include "shared/rpc/https_client.h"

namespace perigee::satellite {
namespace {

constexpr size_t kPollSecretLength = 40;
constexpr absl::Duration kFirstPoll = absl::Milliseconds(250);
constexpr absl::Duration kSlowestPoll = absl::Seconds(3);
constexpr absl::Duration kSealingLife =
    absl::Hours(24 * 365 * 20);  // it does not rotate; the enrolment ends it

// What the server says is wrong: problem+json, or the bare status.
absl::Status ProblemOf(const HttpsResponse& response) {
  std::string text = absl::StrCat("the control plane answered HTTP ", response.status);
  const nlohmann::json body = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (body.is_object()) {
    if (body.contains("detail") && body["detail"].is_string()) text = body["detail"].get<std::string>();
    if (body.contains("next") && body["next"].is_string())
      absl::StrAppend(&text, ". ", body["next"].get<std::string>());
  }
  switch (response.status) {
    case 401:
    case 403:
      return absl::PermissionDeniedError(text);
    case 404:
      return absl::NotFoundError(text);
    case 409:
      return absl::FailedPreconditionError(text);
    case 400:
      return absl::InvalidArgumentError(text);
    default:
      return absl::UnavailableError(text);
  }
}

class HttpsDoor final : public EnrolmentDoor {
 public:
  HttpsDoor(HttpsClient client, std::string roots) : client_(std::move(client)), roots_(std::move(roots)) {}

  absl::StatusOr<v1::EnrollResponse> Enrol(const v1::EnrollRequest& request) override {
    return Post("/enroll/v1/requests", request);
  }
  absl::StatusOr<v1::EnrollResponse> Poll(const v1::EnrollPollRequest& request) override {
    return Post("/enroll/v1/poll", request);
  }
  std::string Roots() const override { return roots_; }

 private:
  absl::StatusOr<v1::EnrollResponse> Post(const std::string& path, const google::protobuf::Message& request) {
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(request, &json).ok()) {
      return absl::InvalidArgumentError("the request has no JSON form (is a name not UTF-8?)");
    }
    PERIGEE_ASSIGN_OR_RETURN(HttpsResponse response, client_.Post(path, json));
    if (response.status < 200 || response.status > 299) return ProblemOf(response);
    v1::EnrollResponse answer;
    google::protobuf::util::JsonParseOptions lenient;
    lenient.ignore_unknown_fields = true;
    if (!google::protobuf::util::JsonStringToMessage(response.body, &answer, lenient).ok()) {
      return absl::InternalError("the control plane's answer cannot be read");
    }
    return answer;
  }

  HttpsClient client_;
  const std::string roots_;
};

class Enroller {
 public:
  Enroller(const EnrolOptions& options, EnrolmentDoor& door, const Clock& clock, Random& random)
      : options_(options), door_(door), clock_(clock), random_(random), store_(options.data_dir) {}

  absl::Status LoadOrMakePending() {
    auto pending = store_.ReadPending();
    if (pending.ok() && MadeTheIdentity(*pending)) {  // left behind by a crash right after it
      PERIGEE_RETURN_IF_ERROR(MakeKeys());
    } else if (pending.ok()) {
      pending_ = *std::move(pending);
      if (pending_.ca_hash == options_.ca_hash) return absl::OkStatus();
      pending_.request.clear();  // another control plane: the same keys, a new request
    } else if (!absl::IsNotFound(pending.status())) {
      return pending.status();
    } else {
      PERIGEE_RETURN_IF_ERROR(MakeKeys());
    }
    return SavePending();
  }

  // Nothing: the control plane is out of reach for now, and has the request.
  absl::StatusOr<std::optional<v1::EnrollResponse>> AskOrPoll(
      const std::function<absl::StatusOr<std::string>()>& token) {
    if (!pending_.request.empty()) {
      auto answer = Poll();
      if (absl::IsUnavailable(answer.status())) return std::nullopt;
      // Not known there, or of no use any more: the token makes a new one, or says why not.
      if (!absl::IsNotFound(answer.status()) && !absl::IsPermissionDenied(answer.status())) return answer;
      PERIGEE_RETURN_IF_ERROR(DropRequest());
    }
    PERIGEE_ASSIGN_OR_RETURN(const std::string text, token());
    return Ask(text);
  }

  absl::Status Finish(const v1::EnrollResponse& answer) {
    PERIGEE_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(pending_.private_key));
    PERIGEE_ASSIGN_OR_RETURN(std::vector<Certificate> chain,
                             Certificate::BundleFromPem(answer.certificate_chain()));
    PERIGEE_RETURN_IF_ERROR(Annotate(CheckChain(answer, key, chain), "the certificate that came"));
    SatelliteIdentity identity;
    identity.uid = answer.satellite_uid();
    if (const auto before = store_.Read(); before.ok()) identity.replaces = before->uid;
    identity.name = answer.satellite();
    identity.site = answer.site();
    identity.pem = IdentityToPem({key, std::move(chain)});
    identity.root_certificates = door_.Roots();
    identity.delivery_keys.assign(answer.delivery_keys().begin(), answer.delivery_keys().end());
    identity.sealing_key = pending_.sealing_key;
    identity.sealing_certificate = pending_.sealing_certificate;
    identity.grpc_endpoint = answer.grpc_endpoint();
    identity.https_endpoint = options_.server;
    return store_.Write(identity);
  }

  // Denied or forgotten: a new token makes a new request.
  absl::Status DropRequest() {
    pending_.request.clear();
    return SavePending();
  }

 private:
  absl::StatusOr<v1::EnrollResponse> Ask(const std::string& token) {
    PERIGEE_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(pending_.private_key));
    v1::EnrollRequest request;
    request.set_token(token);
    PERIGEE_ASSIGN_OR_RETURN(*request.mutable_certificate_request(), MakeRequestDer(key));
    request.set_sealing_certificate(pending_.sealing_certificate);
    *request.mutable_facts() = options_.facts;
    request.set_name(options_.name);
    request.set_poll_secret(pending_.poll_secret);
    PERIGEE_ASSIGN_OR_RETURN(v1::EnrollResponse answer, door_.Enrol(request));
    pending_.request = answer.request();
    PERIGEE_RETURN_IF_ERROR(SavePending());
    return answer;
  }

  absl::StatusOr<v1::EnrollResponse> Poll() {
    v1::EnrollPollRequest request;
    request.set_request(pending_.request);
    request.set_poll_secret(pending_.poll_secret);
    return door_.Poll(request);
  }

  bool MadeTheIdentity(const PendingEnrolment& pending) const {
    const auto identity = store_.Read();
    if (!identity.ok()) return false;
    const auto present = IdentityFromPem(identity->pem);
    const auto asked = PrivateKey::FromPem(pending.private_key);
    return present.ok() && asked.ok() && present->key.Public() == asked->Public();
  }

  absl::Status MakeKeys() {
    PERIGEE_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::GenerateEcP256());
    PERIGEE_ASSIGN_OR_RETURN(PrivateKey sealing, PrivateKey::GenerateEcP256());
    const absl::Time now = VerificationTime(clock_.Now(), absl::UnixEpoch());
    PERIGEE_ASSIGN_OR_RETURN(
        Certificate certificate,
        MakeSealingCertificate(sealing, "perigee sealing key", {now - absl::Hours(24), now + kSealingLife}));
    pending_.private_key = key.ToPem();
    pending_.sealing_key = sealing.ToPem();
    pending_.sealing_certificate = certificate.ToDer();
    pending_.poll_secret = NewToken(random_, kPollSecretLength);
    return absl::OkStatus();
  }

  absl::Status SavePending() {
    pending_.https_endpoint = options_.server;
    pending_.ca_hash = options_.ca_hash;
    return store_.WritePending(pending_);
  }

  absl::Status CheckChain(const v1::EnrollResponse& answer, const PrivateKey& key,
                          const std::vector<Certificate>& chain) const {
    PERIGEE_ASSIGN_OR_RETURN(std::vector<Certificate> roots, Certificate::BundleFromPem(door_.Roots()));
    const Certificate& leaf = chain.front();
    if (!(leaf.Key() == key.Public())) return absl::DataLossError("has another key than was asked for");
    PERIGEE_ASSIGN_OR_RETURN(std::string uri, leaf.Uri());
    if (!IsUid(answer.satellite_uid()) || uri != SatelliteUri(answer.satellite_uid())) {
      return absl::DataLossError("has another name than the answer says");
    }
    // A host whose clock was never set must be able to join: what the CA has just issued is fresh.
    const absl::Time at =
        std::clamp(VerificationTime(clock_.Now(), absl::UnixEpoch()), leaf.NotBefore(), leaf.NotAfter());
    return VerifyChain(leaf, {.roots = std::move(roots), .intermediates = {chain.begin() + 1, chain.end()}},
                       Purpose::kClient, at);
  }

  const EnrolOptions& options_;
  EnrolmentDoor& door_;
  const Clock& clock_;
  Random& random_;
  const IdentityStore store_;
  PendingEnrolment pending_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EnrolmentDoor>> OpenEnrolmentDoor(const std::string& server,
                                                                 const std::string& ca_hash) {
  PERIGEE_ASSIGN_OR_RETURN(std::string roots, FetchRootByHash(server, ca_hash));
  PERIGEE_ASSIGN_OR_RETURN(HttpsClient client,
                           HttpsClient::New({.base_url = server,
                                             .roots_pem = roots,
                                             .verify_at = VerificationTime(absl::Now(), absl::UnixEpoch())}));
  return std::make_unique<HttpsDoor>(std::move(client), std::move(roots));
}

namespace {

// An identity that is here already: kept, unless a new one is asked for.
absl::StatusOr<bool> IsEnrolled(const EnrolOptions& options,
                                const std::function<void(const std::string&)>& say) {
  const IdentityStore store(options.data_dir);
  PERIGEE_RETURN_IF_ERROR(store.Install());
  const auto present = store.Read();
  if (absl::IsNotFound(present.status())) return false;
  if (options.anew) return false;
  PERIGEE_RETURN_IF_ERROR(present.status());
  const std::string as =
      absl::StrCat("this host is enrolled already, as ", present->name, " at site ", present->site);
  const std::string refusal = store.Refusal(present->uid);
  if (refusal.empty()) {
    say(as);
    return true;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      as, ", but the control plane refuses it: ", refusal,
      " To enrol the host anew, run the same command with --anew. What runs here goes on until the "
      "control plane has said what the new satellite is to run."));
}

// What the person who waits is told, and when it is over.
absl::StatusOr<EnrolOutcome> Conclude(Enroller& enroller, const v1::EnrollResponse& answer,
                                      const std::function<void(const std::string&)>& say) {
  if (answer.phase() == "Approved") {
    PERIGEE_RETURN_IF_ERROR(enroller.Finish(answer));
    say(absl::StrCat("enrolled as ", answer.satellite(), " at site ", answer.site()));
    return EnrolOutcome::kEnrolled;
  }
  if (answer.phase() != "Denied") return EnrolOutcome::kWaiting;
  PERIGEE_RETURN_IF_ERROR(enroller.DropRequest());
  return absl::PermissionDeniedError(absl::StrCat("an operator denied this host",
                                                  answer.reason().empty() ? "" : ": ", answer.reason(),
                                                  "; to try again, get a new token"));
}

}  // namespace

absl::StatusOr<EnrolOutcome> Enrol(const EnrolOptions& options, EnrolmentDoor& door, const Clock& clock,
                                   Random& random, const std::function<absl::StatusOr<std::string>()>& token,
                                   const std::function<void(const std::string&)>& say) {
  PERIGEE_ASSIGN_OR_RETURN(const bool enrolled, IsEnrolled(options, say));
  if (enrolled) return EnrolOutcome::kAlreadyEnrolled;
  Enroller enroller(options, door, clock, random);
  PERIGEE_RETURN_IF_ERROR(enroller.LoadOrMakePending());
  const absl::Duration give_up_at = absl::FromChrono(clock.SinceBoot()) + options.wait;
  absl::Duration pause = kFirstPoll;
  Wakeup never;
  bool told = false;
  while (true) {
    PERIGEE_ASSIGN_OR_RETURN(const std::optional<v1::EnrollResponse> answer, enroller.AskOrPoll(token));
    if (answer.has_value()) {
      PERIGEE_ASSIGN_OR_RETURN(const EnrolOutcome outcome, Conclude(enroller, *answer, say));
      if (outcome != EnrolOutcome::kWaiting) return outcome;
      if (!std::exchange(told, true)) {
        say(absl::StrCat("waiting for approval of ", answer->request(), ", key fingerprint ",
                         answer->fingerprint(), "\napprove with: cloudctl satellite approve ",
                         answer->request()));
      }
    }
    const absl::Duration left = give_up_at - absl::FromChrono(clock.SinceBoot());
    if (left <= absl::ZeroDuration()) return EnrolOutcome::kWaiting;
    never.WaitFor(std::min(pause, left));
    pause = std::min(pause * 2, kSlowestPoll);
  }
}

}  // namespace perigee::satellite

// A control plane's identity parts on a store in memory, a clock moved by hand and
// a directory of its own, and a host that wants to come in.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "control-plane/admission/intent.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/identity/enrolment.h"
#include "control-plane/identity/login.h"
#include "control-plane/identity/satellite_identity.h"
#include "control-plane/secrets/vault.h"
#include "control-plane/store/memory_store.h"
#include "control-plane/watch/model.h"
#include "shared/base/failpoint.h"
#include "shared/base/random.h"
#include "shared/base/sha256.h"
#include "shared/pki/key.h"
#include "shared/pki/request.h"
#include "shared/resource/registry.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee::control {

inline Caller Operator() {
  return {.subject = "user:anna", .roles = {std::string(role::kAdmin)}, .source = "grpc"};
}

class Centre {
 public:
  explicit Centre(SatelliteIdentity::Config config = {}, CertificateAuthorityOptions options = {})
      : clock(absl::FromUnixSeconds(1'900'000'000)),
        vault(Vault::Ephemeral(SystemRandom())),
        store(NewMemoryStore(clock)),
        model(*Model::Start(*store)),
        intent({.store = *store, .vault = *vault, .clock = clock, .random = SystemRandom()}) {
    options.data_dir = directory.path();
    authority = *CertificateAuthority::OpenOrCreate(options, *vault, clock);
    enrolment = std::make_unique<Enrolment>(context());
    satellites = std::make_unique<SatelliteIdentity>(context(), config);
  }

  IdentityContext context() {
    return {.store = *store,
            .model = *model,
            .intent = intent,
            .authority = *authority,
            .clock = clock,
            .random = SystemRandom(),
            .https_endpoint = [] { return std::string("https://127.0.0.1:7443"); },
            .grpc_endpoint = [] { return std::string("127.0.0.1:7444"); }};
  }

  void AddSite(const std::string& name) {
    v1::Site site;
    site.mutable_metadata()->set_name(name);
    const auto revision = intent.Commit(Operator(), {{.verb = "apply", .object = WrapObject(site)}});
    ASSERT_TRUE(revision.ok()) << revision.status();
    ASSERT_TRUE(model->WaitFor(*revision, absl::Seconds(10)).ok());
  }

  // A token of site berlin.
  std::string Token(const std::string& approval, int uses = 1, const std::string& ttl = "10m") {
    if (model->Get("Site", "", "berlin") == nullptr) AddSite("berlin");
    v1::CreateEnrollmentTokenRequest request;
    request.set_site("berlin");
    request.set_approval(approval);
    request.set_uses(uses);
    request.set_ttl(ttl);
    (*request.mutable_labels())["disk"] = "ssd";
    const auto response = enrolment->CreateToken(Operator(), request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->token() : "";
  }

  void CatchUp() { ASSERT_TRUE(model->WaitFor(store->Revision(), absl::Seconds(10)).ok()); }

  TemporaryDirectory directory;
  FakeClock clock;
  std::unique_ptr<Vault> vault;
  std::unique_ptr<Store> store;
  std::unique_ptr<Model> model;
  Intent intent;
  std::unique_ptr<CertificateAuthority> authority;
  std::unique_ptr<Enrolment> enrolment;
  std::unique_ptr<SatelliteIdentity> satellites;
};

struct Host {
  PrivateKey key = *PrivateKey::GenerateEcP256();
  std::string poll_secret = "0123456789abcdef0123456789abcdef";

  v1::EnrollRequest Ask(const std::string& token, const std::string& name = "") const {
    v1::EnrollRequest request;
    request.set_token(token);
    request.set_certificate_request(*MakeRequest(key));
    request.set_name(name);
    request.set_poll_secret(poll_secret);
    request.mutable_facts()->set_hostname("host");
    (*request.mutable_facts()->mutable_capacity())["cpu"] = "4";
    return request;
  }

  // With a certificate (PEM) that may have expired.
  v1::RecoverRequest AskRecovery(SatelliteIdentity& satellites, const std::string& certificate) const {
    v1::RecoverRequest request = satellites.NewRecoveryNonce();
    request.set_certificate(certificate);
    request.set_certificate_request(*MakeRequest(key));
    std::string bytes = "perigee-recover-v1";
    bytes.push_back('\0');
    request.set_signature(*key.Sign(bytes + Sha256(request.certificate_request()) + request.nonce()));
    return request;
  }
};

}  // namespace perigee::control

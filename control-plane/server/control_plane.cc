#include "control-plane/server/control_plane.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control-plane/access/authorization.h"
#include "control-plane/access/deny_list.h"
#include "control-plane/admission/intent.h"
#include "control-plane/admission/observation.h"
#include "control-plane/api/api.h"
#include "control-plane/controllers/controllers.h"
#include "control-plane/controllers/placement_check.h"
#include "control-plane/controllers/replacement_forecast.h"
#include "control-plane/controllers/vault_sealer.h"
#include "control-plane/grpc/grpc_server.h"
#include "control-plane/http/https_front.h"
#include "control-plane/http/metrics.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/identity/enrolment.h"
#include "control-plane/identity/facts.h"
#include "control-plane/identity/login.h"
#include "control-plane/identity/satellite_identity.h"
#include "control-plane/secrets/vault.h"
#include "control-plane/server/advertised.h"
#include "control-plane/sessions/hub.h"
#include "control-plane/store/sqlite_store.h"
#include "control-plane/watch/model.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kMaintainCertificatesEvery = absl::Hours(1);
constexpr absl::Duration kCallsMayFinishWithin = absl::Milliseconds(300);

class DeliverySigner final : public RootSigner {
 public:
  explicit DeliverySigner(const CertificateAuthority& authority) : authority_(authority) {}
  absl::StatusOr<std::string> Sign(std::string_view bytes) const override {
    return authority_.SignDelivery(bytes);
  }
  std::string PublicKey() const override { return authority_.delivery_keys().front(); }

 private:
  const CertificateAuthority& authority_;
};

}  // namespace

class ControlPlane::Impl {
 public:
  Impl(const ServeOptions& options, const DataDir& dir) : options_(options), dir_(dir) {}
  ~Impl() { Stop(); }

  absl::Status Start();
  const Endpoints& endpoints() const { return endpoints_; }

 private:
  absl::Status OpenData();
  absl::Status OpenIdentity();
  absl::Status EnsureDefaultProject();
  absl::Status StartWork();
  absl::Status StartFronts();
  void AddMetrics();
  absl::Status Ready() const;
  void Stop();

  const ServeOptions options_;
  const DataDir& dir_;
  const Clock& clock_ = SystemClock();
  Random& random_ = SystemRandom();
  Endpoints endpoints_;  // empty until the ports are known
  absl::Mutex endpoints_mutex_;
  std::atomic<bool> serving_{false};

  // In the order of construction: what stands above is used by what stands below.
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<CertificateAuthority> authority_;
  std::unique_ptr<Observation> observation_;
  std::unique_ptr<Intent> intent_;
  std::unique_ptr<Enrolment> enrolment_;
  std::unique_ptr<SatelliteIdentity> satellites_;
  std::unique_ptr<Login> login_;
  DenyList deny_list_;
  std::unique_ptr<DeliverySigner> signer_;
  std::unique_ptr<SessionHub> hub_;
  std::unique_ptr<VaultSealer> sealer_;
  std::unique_ptr<Controllers> controllers_;
  std::unique_ptr<Api> api_;
  Metrics metrics_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpsFront> https_;
};

absl::Status ControlPlane::Impl::Start() {
  PERIGEE_RETURN_IF_ERROR(OpenData());
  PERIGEE_RETURN_IF_ERROR(OpenIdentity());
  PERIGEE_RETURN_IF_ERROR(EnsureDefaultProject());
  PERIGEE_RETURN_IF_ERROR(StartWork());
  AddMetrics();
  PERIGEE_RETURN_IF_ERROR(StartFronts());
  authority_->StartMaintenance(kMaintainCertificatesEvery);
  serving_ = true;
  return dir_.WriteEndpoints(endpoints_);
}

absl::Status ControlPlane::Impl::OpenData() {
  PERIGEE_ASSIGN_OR_RETURN(vault_, Vault::Open(dir_.path(), random_));  // before the database is made
  PERIGEE_ASSIGN_OR_RETURN(store_, OpenSqliteStore(dir_.File("perigee.db"), clock_));
  PERIGEE_ASSIGN_OR_RETURN(model_, Model::Start(*store_));
  PERIGEE_ASSIGN_OR_RETURN(observation_, Observation::Open(*store_, *model_, clock_, random_));
  intent_ = std::make_unique<Intent>(Intent::Parts{.store = *store_,
                                                   .vault = *vault_,
                                                   .clock = clock_,
                                                   .random = random_,
                                                   .placement_check = CheckAgainst(*model_),
                                                   .replacement_forecast = ForecastFrom(*model_)});
  return absl::OkStatus();
}

absl::Status ControlPlane::Impl::OpenIdentity() {
  CertificateAuthorityOptions authority;
  authority.data_dir = dir_.path();
  authority.advertised = options_.advertise;
  const std::string host = AdvertisedHost(options_.advertise, options_.listen, MachineAddress());
  if (options_.advertise.empty() && host.front() != '[') authority.advertised.push_back(host);
  authority.satellite_certificate_lifetime = options_.satellite_certificate_lifetime;
  PERIGEE_ASSIGN_OR_RETURN(authority_, CertificateAuthority::OpenOrCreate(authority, *vault_, clock_));
  const auto endpoint = [this](std::string Endpoints::* which) {
    return [this, which] {
      absl::MutexLock lock(&endpoints_mutex_);
      return endpoints_.*which;
    };
  };
  const IdentityContext context{*store_,
                                *model_,
                                *intent_,
                                *authority_,
                                clock_,
                                random_,
                                endpoint(&Endpoints::https),
                                endpoint(&Endpoints::grpc)};
  enrolment_ = std::make_unique<Enrolment>(context);
  satellites_ =
      std::make_unique<SatelliteIdentity>(context, SatelliteIdentity::Config{.recovery = options_.recovery});
  login_ = std::make_unique<Login>(context);
  return login_->EnsureAdmin(dir_.path());
}

absl::Status ControlPlane::Impl::EnsureDefaultProject() {
  if (model_->Get("Project", "", kDefaultProject) != nullptr) return absl::OkStatus();
  v1::Resource resource;
  resource.mutable_project()->mutable_metadata()->set_name(std::string(kDefaultProject));
  std::vector<Intent::Change> changes;
  changes.push_back({"create", std::move(resource)});
  const absl::StatusOr<int64_t> committed = intent_->Commit(SystemCaller("server"), std::move(changes));
  PERIGEE_RETURN_IF_ERROR(Annotate(committed.status(), "making the default project"));
  return model_->WaitFor(*committed, absl::Seconds(10));
}

absl::Status ControlPlane::Impl::StartWork() {
  signer_ = std::make_unique<DeliverySigner>(*authority_);
  PERIGEE_ASSIGN_OR_RETURN(
      hub_, SessionHub::Start({.heartbeat = options_.heartbeat}, {.store = *store_,
                                                                  .model = *model_,
                                                                  .intent = *intent_,
                                                                  .observation = *observation_,
                                                                  .deny_list = deny_list_,
                                                                  .signer = *signer_,
                                                                  .clock = clock_,
                                                                  .random = random_,
                                                                  .sanitize_text = SanitizeText,
                                                                  .sanitize_facts = SanitizeFacts}));
  sealer_ = std::make_unique<VaultSealer>(*vault_);
  Controllers::Options options;
  options.on_error = [](const absl::Status& status) {
    Log(Level::kWarning, "a round of the controllers is tried again", {{"error", status}});
  };
  controllers_ = std::make_unique<Controllers>(
      ControllerParts{*store_, *model_, *intent_, *observation_, *sealer_, clock_}, std::move(options));
  controllers_->Start();
  api_ = std::make_unique<Api>(Api::Parts{.store = *store_,
                                          .model = *model_,
                                          .intent = *intent_,
                                          .observation = *observation_,
                                          .enrolment = *enrolment_,
                                          .satellites = *satellites_,
                                          .deny_list = deny_list_,
                                          .freshness = hub_->freshness(),
                                          .clock = clock_});
  return absl::OkStatus();
}

absl::Status ControlPlane::Impl::StartFronts() {
  PERIGEE_ASSIGN_OR_RETURN(grpc_, GrpcServer::Start({.address = options_.listen,
                                                     .port = options_.grpc_port,
                                                     .identity_file = authority_->server_file(),
                                                     .roots_file = dir_.File("ca.pem")},
                                                    {*api_, *hub_, *satellites_, deny_list_}));
  PERIGEE_ASSIGN_OR_RETURN(
      https_, HttpsFront::Start({.address = options_.listen, .port = options_.https_port},
                                {*authority_, *enrolment_, *satellites_, *login_,
                                 AuthorizationTable::BuiltIn(), metrics_, [this] { return Ready(); }}));
  const std::string host = AdvertisedHost(options_.advertise, options_.listen, MachineAddress());
  absl::MutexLock lock(&endpoints_mutex_);
  endpoints_.https = absl::StrCat("https://", host, ":", https_->port());
  endpoints_.grpc = absl::StrCat(host, ":", grpc_->port());
  endpoints_.ca_hash = authority_->ca_hash();
  return absl::OkStatus();
}

void ControlPlane::Impl::AddMetrics() {
  metrics_.AddGauge("perigee_satellites_live", "Satellites with a live session.",
                    [this] { return static_cast<double>(hub_->freshness().live()); });
  metrics_.AddGauge("perigee_store_revision", "Revision of the last commit.",
                    [this] { return static_cast<double>(store_->Revision()); });
  metrics_.AddGauge("perigee_model_lag_revisions", "Revisions by which the model is behind the store.",
                    [this] { return static_cast<double>(store_->Revision() - model_->revision()); });
  metrics_.AddGauge("perigee_epoch", "Epoch of this start.",
                    [this] { return static_cast<double>(hub_->epoch().number()); });
}

absl::Status ControlPlane::Impl::Ready() const {
  if (!serving_) return absl::UnavailableError("The control plane is starting or stopping.");
  PERIGEE_RETURN_IF_ERROR(model_->Following());
  PERIGEE_RETURN_IF_ERROR(hub_->Following());
  return Annotate(model_->WaitFor(store_->Revision(), absl::Seconds(1)), "the model lags behind the store");
}

void ControlPlane::Impl::Stop() {
  serving_ = false;
  if (const absl::Status removed = dir_.RemoveEndpoints(); !removed.ok()) {
    Log(Level::kWarning, "endpoints.json stays", {{"error", removed}});
  }
  if (https_ != nullptr) https_->Stop();
  if (hub_ != nullptr) hub_->Stop();  // satellites get their goodbye
  if (grpc_ != nullptr) grpc_->Stop(kCallsMayFinishWithin);
  if (controllers_ != nullptr) controllers_->Stop();
}

absl::StatusOr<std::unique_ptr<ControlPlane>> ControlPlane::Start(const ServeOptions& options,
                                                                  const DataDir& dir) {
  auto impl = std::make_unique<Impl>(options, dir);
  PERIGEE_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<ControlPlane>(new ControlPlane(std::move(impl)));
}

ControlPlane::ControlPlane(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlPlane::~ControlPlane() = default;
const Endpoints& ControlPlane::endpoints() const {
  return impl_->endpoints();
}

}  // namespace perigee::control

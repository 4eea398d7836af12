#include "control-plane/http/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <sstream>
#include <utility>

#include "absl/synchronization/mutex.h"

namespace perigee::control {
namespace {

class LibraryCounter final : public Counter {
 public:
  explicit LibraryCounter(prometheus::Counter& counter) : counter_(counter) {}
  void Add(double amount) override { counter_.Increment(amount); }

 private:
  prometheus::Counter& counter_;
};

class LibraryHistogram final : public Histogram {
 public:
  explicit LibraryHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

struct Source {
  std::string meaning;
  prometheus::MetricType type = prometheus::MetricType::Gauge;
  std::function<double()> value;
};

prometheus::MetricFamily Read(const std::string& name, const Source& source) {
  prometheus::MetricFamily family{.name = name, .help = source.meaning, .type = source.type};
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  const double value = source.value();
  if (source.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return family;
}

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  mutable absl::Mutex mutex;
  std::map<std::string, std::unique_ptr<LibraryCounter>> counters ABSL_GUARDED_BY(mutex);
  std::map<std::string, std::unique_ptr<LibraryHistogram>> histograms ABSL_GUARDED_BY(mutex);
  std::map<std::string, Source> sources ABSL_GUARDED_BY(mutex);
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
  prometheus::BuildGauge()
      .Name("perigee_build_info")
      .Help("The version that runs; always 1.")
      .Register(state_->registry)
      .Add({{"version", PERIGEE_VERSION}})
      .Set(1);
}

Metrics::~Metrics() = default;

Counter& Metrics::AddCounter(const std::string& name, const std::string& meaning) {
  absl::MutexLock lock(&state_->mutex);
  std::unique_ptr<LibraryCounter>& counter = state_->counters[name];
  if (counter == nullptr) {
    counter = std::make_unique<LibraryCounter>(
        prometheus::BuildCounter().Name(name).Help(meaning).Register(state_->registry).Add({}));
  }
  return *counter;
}

Histogram& Metrics::AddHistogram(const std::string& name, const std::string& meaning,
                                 std::vector<double> bounds) {
  absl::MutexLock lock(&state_->mutex);
  std::unique_ptr<LibraryHistogram>& histogram = state_->histograms[name];
  if (histogram == nullptr) {
    histogram = std::make_unique<LibraryHistogram>(prometheus::BuildHistogram()
                                                       .Name(name)
                                                       .Help(meaning)
                                                       .Register(state_->registry)
                                                       .Add({}, std::move(bounds)));
  }
  return *histogram;
}

void Metrics::AddGauge(const std::string& name, const std::string& meaning, std::function<double()> value) {
  absl::MutexLock lock(&state_->mutex);
  state_->sources[name] = {meaning, prometheus::MetricType::Gauge, std::move(value)};
}

void Metrics::AddCounterSource(const std::string& name, const std::string& meaning,
                               std::function<double()> value) {
  absl::MutexLock lock(&state_->mutex);
  state_->sources[name] = {meaning, prometheus::MetricType::Counter, std::move(value)};
}

std::string Metrics::Text() const {
  std::map<std::string, Source> sources;
  {
    // Copied, so that a source may take locks of its own under which metrics are added.
    absl::MutexLock lock(&state_->mutex);
    sources = state_->sources;
  }
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  for (const auto& [name, source] : sources) families.push_back(Read(name, source));
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

}  // namespace perigee::control

// What the control plane tells Prometheus. Counters and histograms are written
// where things happen; gauges are asked for when a scrape comes. Thread-safe.
//
//   Metrics metrics;
//   metrics.AddGauge("perigee_satellites_connected", "Satellites with a live session.", [&] { return hub.connected(); });
//   auto& commits = metrics.AddHistogram("perigee_store_commit_seconds", "...", {0.001, 0.01, 0.1, 1});
//   commits.Observe(seconds);
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace perigee::control {

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double amount = 1) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

class Metrics {
 public:
  // With perigee_build_info already in it.
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The references live as long as this object. The same name again gives the same metric.
  Counter& AddCounter(const std::string& name, const std::string& meaning);
  Histogram& AddHistogram(const std::string& name, const std::string& meaning, std::vector<double> bounds);
  // `value` is called on scraping threads; it must not block. Both: a number kept elsewhere.
  void AddGauge(const std::string& name, const std::string& meaning, std::function<double()> value);
  void AddCounterSource(const std::string& name, const std::string& meaning, std::function<double()> value);

  // Prometheus's text exposition format 0.0.4.
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace perigee::control

//! Resolves recorded problems without a network: what the solver alone costs.
//!
//! `cargo bench -p resolver`, or with a name for one of them: `cargo bench -p resolver -- airflow`.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can't be set up should fail loudly"
)]

#[path = "../tests/support/recorded.rs"]
mod recorded;

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use resolver::cache::Cache;
use resolver::index::Index;
use resolver::project::Project;
use resolver::solver::{Request, resolve};

fn real_sets(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("resolve");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(2));
    for folder in recorded::listed("corpus") {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let project = Project::read(&folder).unwrap();
        let recording = recorded::recording(&recorded::corpus_entries(&folder));
        // Nothing is looked up there: the recording answers.
        let cache = Cache::new(Path::new("unused"));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || Index::replay(recording.clone(), cache.clone()),
                |index| {
                    let request = Request::default();
                    let handle = runtime.handle();
                    black_box(resolve(&project, None, &request, &index, handle, &()).unwrap())
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, real_sets);
criterion_main!(benches);

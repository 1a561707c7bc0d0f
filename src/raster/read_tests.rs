use tiff::tags::Tag;

use super::*;

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("trucban-raster-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn problem_of(path: &Path) -> Problem {
    read(path).unwrap_err()
}

#[test]
fn a_tile_is_read_from_its_north_western_corner() {
    let path = folder("hgt").join("N22E103.hgt");
    let cells = (0..1201 * 1201).map(|n| if n == 0 { HGT_VOID } else { (n / 1201) as i16 });
    fs::write(&path, cells.flat_map(i16::to_be_bytes).collect::<Vec<u8>>()).unwrap();
    let grid = read(&path).unwrap();
    // Row 600 of 1200 lies half way down.
    assert!((grid.between(103.5, 22.5).unwrap() - 600.0).abs() < 1e-3);
    assert!((grid.between(104.0, 22.0).unwrap() - 1200.0).abs() < 1e-3);
    assert!((grid.between(103.5, 22.5 + 0.25 / 1200.0).unwrap() - 599.75).abs() < 1e-3);
    assert_eq!(grid.between(103.0001, 22.9999), None, "beside a hole");
    assert_eq!(grid.between(102.999, 22.5), None, "outside");
}

#[test]
fn a_broken_tile_is_refused_by_name_and_reason() {
    let folder = folder("broken");
    let cut = folder.join("N22E103.hgt");
    fs::write(&cut, [0; 1000]).unwrap();
    let problem = problem_of(&cut);
    assert_eq!(problem.at.as_deref(), Some("N22E103.hgt"));
    assert!(problem.detail_en.contains("1000 bytes"), "{}", problem.detail_en);
    let nameless = folder.join("lai-chau.hgt");
    fs::write(&nameless, [0; 1000]).unwrap();
    assert!(problem_of(&nameless).detail_en.contains("N22E103.hgt"));
    let text = folder.join("slope.tif");
    fs::write(&text, "no picture").unwrap();
    assert!(problem_of(&text).detail_vi.contains("slope.tif"));
    assert!(problem_of(&folder.join("absent.tif")).detail_en.contains("absent.tif"));
}

#[test]
fn a_geotiff_is_read_where_it_says_it_lies() {
    let path = folder("tif").join("dem.tif");
    let write = |keys: &[u16]| {
        let mut encoder = tiff::encoder::TiffEncoder::new(fs::File::create(&path).unwrap()).unwrap();
        let mut image = encoder.new_image::<tiff::encoder::colortype::GrayI16>(3, 2).unwrap();
        let tags = image.encoder();
        tags.write_tag(Tag::ModelPixelScaleTag, &[0.1_f64, 0.1, 0.0][..]).unwrap();
        tags.write_tag(Tag::ModelTiepointTag, &[0.0_f64, 0.0, 0.0, 103.0, 22.5, 0.0][..]).unwrap();
        tags.write_tag(Tag::GeoKeyDirectoryTag, keys).unwrap();
        tags.write_tag(Tag::GdalNodata, "-9999").unwrap();
        image.write_data(&[100, 200, -9999, 300, 400, 500]).unwrap();
    };
    write(&[1, 1, 0, 2, 1024, 0, 1, 2, 1025, 0, 1, 1]);
    let grid = read(&path).unwrap();
    // Cells are areas: the first stands for its middle.
    assert!((grid.between(103.05, 22.45).unwrap() - 100.0).abs() < 1e-6);
    assert!((grid.between(103.10, 22.40).unwrap() - 250.0).abs() < 1e-6);
    assert_eq!(grid.between(103.20, 22.40), None, "beside what is marked as not measured");
    assert_eq!(grid.between(103.0, 22.5), None, "outside the middles of the outer cells");
    write(&[1, 1, 0, 1, 1024, 0, 1, 1]);
    assert!(problem_of(&path).detail_en.contains("EPSG:4326"));
}

//! The site that this computer is in, as the directory's subnets tell it; otherwise that of the controller in use.

use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;

use super::client::Directory;
use super::error::DirectoryError;
use super::session::{Base, Search};

/// None when the directory doesn't say.
pub(super) async fn own(directory: &Directory) -> Result<Option<String>, DirectoryError> {
    let own = directory.own();
    let root = own.object(Base::Root, &["serverName", "dnsHostName"]).await?;
    let text = |name: &str| root.as_ref().and_then(|root| root.text(name));
    let of_controller = text("serverName").and_then(|name| site_in(&name, 2));
    let Some(controller) = text("dnsHostName") else { return Ok(of_controller) };
    let Some(address) = towards(directory, &controller).await else { return Ok(of_controller) };
    let search = Search::below(
        Base::InConfiguration("CN=Subnets,CN=Sites"),
        "(&(objectClass=subnet)(siteObject=*))",
        &["cn", "siteObject"],
    );
    let subnets = match own.all(&search).await {
        Err(DirectoryError::NoSuchObject { .. }) => return Ok(of_controller),
        subnets => subnets?,
    };
    let subnets =
        subnets.iter().filter_map(|subnet| Some((subnet.text("cn")?, site_in(&subnet.text("siteObject")?, 0)?)));
    Ok(smallest(subnets, address).or(of_controller))
}

/// Our own address on the way to a host.
async fn towards(directory: &Directory, host: &str) -> Option<IpAddr> {
    let there = *directory.names().addresses(host, 389).await.ok()?.first()?;
    let any: SocketAddr = if there.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await.ok()?;
    // Sends nothing; the system only chooses the way.
    socket.connect(there).await.ok()?;
    Some(socket.local_addr().ok()?.ip().to_canonical())
}

/// The site of the smallest subnet with this address.
fn smallest(subnets: impl Iterator<Item = (String, String)>, address: IpAddr) -> Option<String> {
    let matching = subnets.filter_map(|(subnet, site)| Some((prefix(&subnet, address)?, site)));
    matching.max_by_key(|(length, _)| *length).map(|(_, site)| site)
}

/// The length of the prefix of `10.1.0.0/16`, if the address is in it.
fn prefix(subnet: &str, address: IpAddr) -> Option<u32> {
    let (network, length) = subnet.split_once('/')?;
    let (network, length): (IpAddr, u32) = (network.parse().ok()?, length.parse().ok()?);
    let same = |one: u128, other: u128, bits: u32| {
        // A shift by all bits is none that there is.
        length <= bits && (length == 0 || (one ^ other) >> (bits - length) == 0)
    };
    let inside = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => same(network.to_bits().into(), address.to_bits().into(), 32),
        (IpAddr::V6(network), IpAddr::V6(address)) => same(network.to_bits(), address.to_bits(), 128),
        _ => false,
    };
    inside.then_some(length)
}

/// The step of a distinguished name, counted from its beginning: `CN=DC1,CN=Servers,CN=Headquarters,CN=Sites,…`
fn site_in(name: &str, step: usize) -> Option<String> {
    let site = name.split(',').nth(step)?.trim();
    Some(site.strip_prefix("CN=").or_else(|| site.strip_prefix("cn="))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W2
    #[test]
    fn the_smallest_subnet_with_our_address_tells_the_site() {
        let subnets = [
            ("10.0.0.0/8", "All"),
            ("10.1.0.0/16", "Headquarters"),
            ("10.1.2.0/24", "Branch"),
            ("0.0.0.0/0", "World"),
            ("fd00::/8", "Six"),
            ("10.9.0.0/99", "Odd"),
            ("nonsense", "Odd"),
        ];
        let site = |address: &str| {
            let subnets = subnets.iter().map(|(subnet, site)| ((*subnet).to_owned(), (*site).to_owned()));
            smallest(subnets, address.parse().unwrap())
        };
        assert_eq!(site("10.1.2.3").as_deref(), Some("Branch"));
        assert_eq!(site("10.1.3.3").as_deref(), Some("Headquarters"));
        assert_eq!(site("10.9.0.1").as_deref(), Some("All"));
        assert_eq!(site("192.168.0.1").as_deref(), Some("World"));
        assert_eq!(site("fd12::1").as_deref(), Some("Six"));
        assert_eq!(site("2001:db8::1"), None);
    }

    #[test]
    fn the_site_stands_in_the_name_of_the_server() {
        let name = "CN=DC1,CN=Servers,CN=Headquarters,CN=Sites,CN=Configuration,DC=corp,DC=example";
        assert_eq!(site_in(name, 2).as_deref(), Some("Headquarters"));
        assert_eq!(site_in("odd", 2), None);
    }
}

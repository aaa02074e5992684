//! The service manager of Windows.

use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl, ServiceExitCode,
    ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState, ServiceStatus,
    ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_DISABLED, ERROR_SERVICE_DOES_NOT_EXIST,
    ERROR_SERVICE_EXISTS, ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_SERVICE_NOT_ACTIVE,
};

use super::{Registration, ServiceError, State, event_log};

/// Its name for the service manager: `net start sent-items-update`.
pub const NAME: &str = "sent-items-update";
const DISPLAY_NAME: &str = "Sent Items Update";
const DESCRIPTION: &str =
    "Brings the sender's copy in Sent Items up to date with the message as it was processed on the server.";

/// After a crash, or an end with an error: again after these minutes, the last of them for every further time.
const START_AGAIN_AFTER: [u64; 3] = [1, 5, 15];
/// A day without a failure, and the counting begins anew.
const FORGET_FAILURES_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the shutdown of the computer may be held up at the most: a stop takes that long only with a large
/// `limits.stop_within`.
const BEFORE_SHUTDOWN: Duration = Duration::from_secs(180);

/// A service that has given no sign of life for so long is not waited for. It gives one every second.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Registers the service, or brings its registration up to date. Returns what could not be set, which keeps it from
/// nothing but comfort.
///
/// # Errors
/// When the service manager refuses, or this program's place is unknown.
pub fn install(registration: &Registration) -> Result<Vec<String>, ServiceError> {
    let program = std::env::current_exe()
        .map_err(|source| ServiceError::System { what: "the place of this program is unknown", source })?;
    let mut arguments = vec![OsString::from("run")];
    if let Some(data) = &registration.data {
        arguments.extend(["--data".into(), data.clone().into_os_string()]);
    }
    let info = ServiceInfo {
        name: NAME.into(),
        display_name: DISPLAY_NAME.into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: program.clone(),
        launch_arguments: arguments,
        dependencies: vec![],
        // LocalSystem
        account_name: None,
        account_password: None,
    };
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    // To set a restart as recovery, the right to start it is asked for.
    let access = ServiceAccess::QUERY_CONFIG | ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    let service = match manager.create_service(&info, access) {
        Ok(service) => service,
        Err(error) if code(&error) == Some(ERROR_SERVICE_EXISTS) => {
            let service =
                manager.open_service(NAME, access).map_err(|error| understood("it can't be opened", error))?;
            service.change_config(&info).map_err(|error| understood("its registration can't be changed", error))?;
            service
        }
        Err(error) => return Err(understood("it can't be registered", error)),
    };
    let mut unset = Vec::new();
    let mut note = |what: &str, result: windows_service::Result<()>| {
        if let Err(error) = result {
            unset.push(format!("{what} could not be set: {}", source(error)));
        }
    };
    note("the description", service.set_description(DESCRIPTION));
    note("the delayed start", service.set_delayed_auto_start(true));
    note("the recovery", service.update_failure_actions(recovery()));
    note("the recovery after an end with an error", service.set_failure_actions_on_non_crash_failures(true));
    note("the time before a shutdown", service.set_preshutdown_timeout(BEFORE_SHUTDOWN));
    if let Err(error) = event_log::register(&program) {
        unset.push(format!("the event log's source could not be set: {error}"));
    }
    Ok(unset)
}

fn recovery() -> ServiceFailureActions {
    let again = |minutes: u64| ServiceAction {
        action_type: ServiceActionType::Restart,
        delay: Duration::from_secs(minutes * 60),
    };
    ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(FORGET_FAILURES_AFTER),
        reboot_msg: None,
        command: None,
        actions: Some(START_AGAIN_AFTER.map(again).to_vec()),
    }
}

/// Stops the service and removes its registration. Queue, settings and password stay.
///
/// # Errors
/// When it is not installed, does not stop, or the service manager refuses.
pub fn uninstall() -> Result<(), ServiceError> {
    let service = opened(ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE)?;
    end(&service)?;
    service.delete().map_err(|error| understood("it can't be removed", error))?;
    // Without the service, its entries can still be read.
    event_log::unregister()
        .map_err(|source| ServiceError::System { what: "the event log's source can't be removed", source })
}

/// Starts it and waits until it runs.
///
/// # Errors
/// When it is not installed, or ends at once.
pub fn start() -> Result<(), ServiceError> {
    let service = opened(ServiceAccess::QUERY_STATUS | ServiceAccess::START)?;
    match service.start::<OsString>(&[]) {
        Ok(()) => {}
        Err(error) if code(&error) == Some(ERROR_SERVICE_ALREADY_RUNNING) => {}
        Err(error) => return Err(understood("it can't be started", error)),
    }
    let status = wait_while(&service, |state| matches!(state, ServiceState::StartPending))?;
    match status.current_state {
        ServiceState::Running => Ok(()),
        ServiceState::StartPending => {
            Err(ServiceError::DidNotStart(format!("it has not gone on for {} seconds", PATIENCE.as_secs())))
        }
        _ => Err(ServiceError::DidNotStart(match status.exit_code {
            ServiceExitCode::Win32(0) => "it ended at once".to_owned(),
            ServiceExitCode::Win32(code) => io::Error::from_raw_os_error(code.cast_signed()).to_string(),
            ServiceExitCode::ServiceSpecific(_) => "the Application log of the event viewer has the reason".to_owned(),
        })),
    }
}

/// Stops it and waits for its end.
///
/// # Errors
/// When it is not installed, or does not end.
pub fn stop() -> Result<(), ServiceError> {
    end(&opened(ServiceAccess::QUERY_STATUS | ServiceAccess::STOP)?)
}

/// # Errors
/// When the service manager can't be asked.
pub fn status() -> Result<State, ServiceError> {
    let service = match opened(ServiceAccess::QUERY_STATUS) {
        Ok(service) => service,
        Err(ServiceError::NotInstalled) => return Ok(State::NotInstalled),
        Err(error) => return Err(error),
    };
    let status = service.query_status().map_err(|error| understood("its state is unknown", error))?;
    Ok(match status.current_state {
        ServiceState::Stopped => State::Stopped,
        ServiceState::StartPending | ServiceState::ContinuePending => State::Starting,
        ServiceState::Running => State::Running { process: status.process_id },
        ServiceState::StopPending => State::Stopping,
        ServiceState::PausePending | ServiceState::Paused => State::Other("paused".to_owned()),
    })
}

fn end(service: &Service) -> Result<(), ServiceError> {
    match service.stop() {
        Ok(_) => {}
        Err(error) if code(&error) == Some(ERROR_SERVICE_NOT_ACTIVE) => return Ok(()),
        Err(error) => return Err(understood("it can't be stopped", error)),
    }
    let status = wait_while(service, |state| !matches!(state, ServiceState::Stopped))?;
    if status.current_state == ServiceState::Stopped {
        Ok(())
    } else {
        Err(ServiceError::DidNotStop(PATIENCE.as_secs()))
    }
}

/// Waits as long as it goes on.
fn wait_while(service: &Service, pending: impl Fn(ServiceState) -> bool) -> Result<ServiceStatus, ServiceError> {
    let mut last = (None, 0);
    let mut until = Instant::now() + PATIENCE;
    loop {
        let status = service.query_status().map_err(|error| understood("its state is unknown", error))?;
        let now = (Some(status.current_state), status.checkpoint);
        if now != last {
            (last, until) = (now, Instant::now() + PATIENCE);
        }
        if !pending(status.current_state) || Instant::now() > until {
            return Ok(status);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn manager(access: ServiceManagerAccess) -> Result<ServiceManager, ServiceError> {
    ServiceManager::local_computer(None::<&str>, access)
        .map_err(|error| understood("the service manager can't be reached", error))
}

fn opened(access: ServiceAccess) -> Result<Service, ServiceError> {
    manager(ServiceManagerAccess::CONNECT)?
        .open_service(NAME, access)
        .map_err(|error| understood("the service can't be opened", error))
}

fn understood(what: &'static str, error: windows_service::Error) -> ServiceError {
    match code(&error) {
        Some(ERROR_SERVICE_DOES_NOT_EXIST) => ServiceError::NotInstalled,
        Some(ERROR_ACCESS_DENIED) => ServiceError::NotPermitted,
        Some(ERROR_SERVICE_DISABLED) => ServiceError::Disabled,
        Some(ERROR_SERVICE_MARKED_FOR_DELETE) => ServiceError::AboutToGo,
        _ => ServiceError::System { what, source: source(error) },
    }
}

fn code(error: &windows_service::Error) -> Option<u32> {
    match error {
        windows_service::Error::Winapi(error) => error.raw_os_error().map(i32::cast_unsigned),
        _ => None,
    }
}

fn source(error: windows_service::Error) -> io::Error {
    match error {
        windows_service::Error::Winapi(error) => error,
        other => io::Error::other(other),
    }
}

; The installer of Sent Items Update for Windows, x64. packaging/windows.sh makes it and gives
;   VERSION    0.1.0
;   PROGRAMS   folder with siu-updater.exe, siu-panel.exe, README.txt, licenses.txt, third-party.txt, sent-items-update.cdx.json
;   OUT        the installer to be written
;   FAST       if defined: packed quickly, not small
;
;   setup.exe /S [/D=C:\Folder]   installs, or brings up to date, without asking; exit status 0: done
;   uninstall.exe /S [/PURGE]     removes it without asking; settings and queue stay unless /PURGE is given

Unicode true
Target amd64-unicode
!ifdef FAST
  SetCompress off
!else
  SetCompressor /SOLID lzma
!endif
; The same bytes for the same programs.
SetDateSave off

!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh
!include WinVer.nsh
!include x64.nsh

!define NAME "Sent Items Update"
!define PUBLISHER "The Sent Items Update authors"
; As the updater calls its service, and its folder below %ProgramData%.
!define DATA "SentItemsUpdate"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\SentItemsUpdate"
; Exit statuses of an installation that asks nothing.
!define NOT_ADMINISTRATOR 740
!define NOT_SUPPORTED 1150
!define IN_USE 32
!define SERVICE_FAILED 1064

Name "${NAME}"
OutFile "${OUT}"
InstallDir "$PROGRAMFILES64\${NAME}"
InstallDirRegKey HKLM "${UNINSTALL}" "InstallLocation"
; Windows asks for an administrator at the start.
RequestExecutionLevel admin
ManifestDPIAware true
BrandingText "${NAME} ${VERSION}"
ShowInstDetails nevershow
ShowUninstDetails nevershow

VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "CompanyName" "${PUBLISHER}"
VIAddVersionKey "FileDescription" "Installer of ${NAME}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "MIT OR Apache-2.0"

!define MUI_ICON "resources/icons/sent-items-update.ico"
!define MUI_UNICON "resources/icons/sent-items-update.ico"
!define MUI_ABORTWARNING
!define MUI_WELCOMEPAGE_TEXT "The updater is installed as a service, and the Administration Panel beside it.$\r$\n$\r$\n\
An earlier version is replaced: its service is stopped meanwhile, and its settings and waiting messages are kept."
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${PROGRAMS}/licenses.txt"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
; As an administrator, as the installer: the updater's local API is for administrators.
!define MUI_FINISHPAGE_RUN "$INSTDIR\siu-panel.exe"
!define MUI_FINISHPAGE_RUN_TEXT "Open the Administration Panel"
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; Ends the installer with a message, or with the exit status alone when it asks nothing.
!macro Refuse STATUS MESSAGE
  DetailPrint "${MESSAGE}"
  MessageBox MB_OK|MB_ICONSTOP "${MESSAGE}" /SD IDOK
  SetErrorLevel ${STATUS}
  Quit
!macroend

!macro OnlyForAdministrators
  UserInfo::GetAccountType
  Pop $0
  ${If} $0 != "Admin"
    !insertmacro Refuse ${NOT_ADMINISTRATOR} "Only an administrator can install or remove ${NAME}."
  ${EndIf}
  ; Folders and Start menu of all users, and the registry as 64-bit programs see it.
  SetShellVarContext all
  SetRegView 64
!macroend

; Runs a command of the updater; its exit status, or the word error, is left in $0, what it said in $1.
!macro Updater COMMAND
  nsExec::ExecToStack '"$INSTDIR\siu-updater.exe" ${COMMAND}'
  Pop $0
  Pop $1
!macroend

; Stops the service, and waits until its program can be replaced: ten seconds more than the service itself takes.
!macro StopService UN
Function ${UN}StopService
  ${If} ${FileExists} "$INSTDIR\siu-updater.exe"
    DetailPrint "Stopping the updater"
    !insertmacro Updater "service status"
    StrCpy $4 $0
    ; Not running, or not registered: as well.
    !insertmacro Updater "service stop"
    StrCpy $2 0
    ${Do}
      ClearErrors
      FileOpen $3 "$INSTDIR\siu-updater.exe" a
      ${IfNot} ${Errors}
        FileClose $3
        ${Break}
      ${EndIf}
      ${If} $2 >= 40
        ; As it was.
        ${If} $4 == 0
          !insertmacro Updater "service start"
        ${EndIf}
        !insertmacro Refuse ${IN_USE} "$INSTDIR\siu-updater.exe is still in use. End it, and try again."
      ${EndIf}
      IntOp $2 $2 + 1
      Sleep 250
    ${Loop}
  ${EndIf}
FunctionEnd
!macroend
!insertmacro StopService ""
!insertmacro StopService "un."

Function .onInit
  ${IfNot} ${RunningX64}
  ${OrIfNot} ${AtLeastWin10}
    !insertmacro Refuse ${NOT_SUPPORTED} "${NAME} needs Windows 10 or Windows Server 2016, or later, for x64."
  ${EndIf}
  !insertmacro OnlyForAdministrators
FunctionEnd

Section
  Call StopService
  ; A panel that is open keeps its program until it is closed; under another name it is in nobody's way.
  Delete "$INSTDIR\siu-panel.exe.old"
  ClearErrors
  Delete "$INSTDIR\siu-panel.exe"
  ${If} ${Errors}
    Rename "$INSTDIR\siu-panel.exe" "$INSTDIR\siu-panel.exe.old"
    Delete /REBOOTOK "$INSTDIR\siu-panel.exe.old"
  ${EndIf}

  SetOutPath "$INSTDIR"
  ClearErrors
  File "${PROGRAMS}/siu-updater.exe"
  File "${PROGRAMS}/siu-panel.exe"
  File "${PROGRAMS}/README.txt"
  File "${PROGRAMS}/licenses.txt"
  File "${PROGRAMS}/third-party.txt"
  File "${PROGRAMS}/sent-items-update.cdx.json"
  ${If} ${Errors}
    !insertmacro Refuse ${IN_USE} "The files can't be written to $INSTDIR."
  ${EndIf}
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\siu-panel.exe" "" "$INSTDIR\siu-panel.exe" 0 SW_SHOWNORMAL "" \
    "Configure ${NAME}, and watch it"

  WriteRegStr HKLM "${UNINSTALL}" "DisplayName" "${NAME}"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKLM "${UNINSTALL}" "Publisher" "${PUBLISHER}"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayIcon" "$INSTDIR\siu-panel.exe,0"
  WriteRegStr HKLM "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKLM "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKLM "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKLM "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKLM "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKLM "${UNINSTALL}" "EstimatedSize" $0

  DetailPrint "Registering and starting the updater's service"
  !insertmacro Updater "service install"
  ${If} $0 != 0
    !insertmacro Refuse ${SERVICE_FAILED} "The service could not be registered. $1"
  ${EndIf}
  !insertmacro Updater "service start"
  ${If} $0 != 0
    !insertmacro Refuse ${SERVICE_FAILED} "The service was registered, and could not be started. $1"
  ${EndIf}
SectionEnd

Function un.onInit
  !insertmacro OnlyForAdministrators
FunctionEnd

Section Uninstall
  Call un.StopService
  !insertmacro Updater "service uninstall"
  Delete "$SMPROGRAMS\${NAME}.lnk"
  Delete "$INSTDIR\siu-updater.exe"
  Delete /REBOOTOK "$INSTDIR\siu-panel.exe"
  Delete /REBOOTOK "$INSTDIR\siu-panel.exe.old"
  Delete "$INSTDIR\README.txt"
  Delete "$INSTDIR\licenses.txt"
  Delete "$INSTDIR\third-party.txt"
  Delete "$INSTDIR\sent-items-update.cdx.json"
  Delete "$INSTDIR\uninstall.exe"
  ; What others put there stays.
  RMDir "$INSTDIR"
  DeleteRegKey HKLM "${UNINSTALL}"

  ; Settings, queue and password. Whoever installs it again finds them.
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/PURGE" $1
  ${If} ${Errors}
    ${IfNot} ${FileExists} "$APPDATA\${DATA}\*.*"
      Return
    ${EndIf}
    MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 "Delete settings, password and waiting messages, too?$\r$\n$\r$\n$APPDATA\${DATA}" \
      /SD IDNO IDYES +2
    Return
  ${EndIf}
  RMDir /r "$APPDATA\${DATA}"
SectionEnd
